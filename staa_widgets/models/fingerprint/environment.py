"""Describe the state of torch that changes what a model computes."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.modules import module as module_globals
from torch.utils._python_dispatch import _get_current_dispatch_mode_stack

from staa_widgets.models.fingerprint.description import HOOK_GROUPS, Description
from staa_widgets.models.fingerprint.unreadable import name_unreadable


def add_environment(description: Description, device: torch.device) -> None:
    """Add autocast, default data types, hooks on all modules, and functions of torch that somebody replaced."""
    description.words.append(
        f"autocast {torch.is_autocast_enabled(device.type)} {torch.get_autocast_dtype(device.type)} "
        f"default {torch.get_default_dtype()} products {torch.get_float32_matmul_precision()}"
    )
    description.add_hooks({name: getattr(module_globals, f"_global{name}") for name in HOOK_GROUPS})
    for name in ("torch", "torch.nn.functional"):
        description.add_namespace(name)
    description.add(nn.Module)
    # A mode intercepts every operation of torch, in a way that cannot be followed.
    modes = torch.overrides._get_current_function_mode_stack()
    modes += _get_current_dispatch_mode_stack()
    description.words += [name_unreadable(mode) for mode in modes]
