"""``staa convert``: write a checkpoint as a folder with safetensors weights."""

from __future__ import annotations

import argparse

from staa_widgets.cli.output import DONE, print_warning, printable


def run_convert(options: argparse.Namespace) -> int:
    """Read a checkpoint without running code in it, and write it with safetensors weights."""
    from staa_widgets.models.checkpoint.convert import convert_checkpoint
    from staa_widgets.models.checkpoint.source import HubOptions

    hub_options = HubOptions(revision=options.revision, subfolder=options.subfolder, variant=options.variant)
    checkpoint = convert_checkpoint(options.model, options.out, hub_options)
    if checkpoint.note:
        print_warning(f"staa: {checkpoint.note}")
    size = sum(tensor.nbytes for tensor in checkpoint.module.state_dict().values())
    print(printable(f"{options.model}: {size / 1e6:,.1f} MB of weights written as safetensors to {options.out}"))
    return DONE
