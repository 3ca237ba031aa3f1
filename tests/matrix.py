"""Run the tests that meet transformers on the lowest and the newest supported release, each in its own environment.

``python tests/matrix.py [folder]``; environments stay in the folder, by default ``.venv-matrix``.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).parent.parent
RELEASES = {"lowest": "transformers==5.0.0", "newest": "transformers<6"}
TESTS = [
    f"tests/test_{name}.py"
    for name in (
        *("attention", "bundled", "families", "generic", "gradient", "joint", "methods", "models", "tap"),
        *("timesformer", "transform", "videoprism", "vjepa2"),
    )
]
FREE = ("transformers", "huggingface_hub", "tokenizers")
"""What constraints.txt pins and each release of transformers chooses for itself."""


def make(place: Path, release: str) -> Path:
    """Make an environment with what the package depends on; return its Python."""
    python = place / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if not python.exists():
        venv.create(place, with_pip=True)
    pinned = place / "constraints.txt"
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned.write_text("\n".join(line for line in lines if not line.startswith(FREE)))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["baselines"], "pytest", release]
    subprocess.run([python, "-m", "pip", "install", "-q", "-U", "-c", pinned, *wanted], check=True)
    return python


def main(folder: Path) -> int:
    """Test each release; return how many failed."""
    outcomes = {}
    for name, release in RELEASES.items():
        python = make(folder / name, release)
        told = "from importlib.metadata import version as v; print(f\"{v('transformers')}, torch {v('torch')}\")"
        found = subprocess.run([python, "-c", told], check=True, capture_output=True, text=True).stdout.strip()
        print(f"== {name}: transformers {found}", flush=True)
        run = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "addopts=-ra", *TESTS]
        outcomes[f"{name} ({found})"] = subprocess.run(run, cwd=ROOT).returncode
    for name, code in outcomes.items():
        print(f"== {name}: {'failed' if code else 'passed'}")
    return sum(map(bool, outcomes.values()))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / ".venv-matrix").absolute()))
