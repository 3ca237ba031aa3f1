"""Convert a small published checkpoint from a hub on the loopback, as a program of its own."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from staa_widgets.cli.main import main
from staa_widgets.models.checkpoint.known import KNOWN_CHECKPOINTS
from tests.helpers.fake_hub import run_fake_hub
from tests.helpers.published import write_published

NAME = "MCG-NJU/videomae-base-finetuned-kinetics"

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, run_fake_hub(Path(folder, "cache")) as hub:
        write_published(KNOWN_CHECKPOINTS[NAME], Path(folder, "repository"), kind="safetensors")
        hub.add(NAME, Path(folder, "repository"))
        code = main(["convert", NAME, str(Path(folder, "out")), *sys.argv[1:]])
    sys.exit(code)
