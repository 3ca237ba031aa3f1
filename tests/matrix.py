"""Run the tests that meet transformers, anywidget, marimo or other browsers, each in its own environment.

``python tests/matrix.py [folder [name …]]``; environments stay in the folder, by default ``.venv-matrix``. The player
must be built.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tomllib
import venv
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "addopts=-ra")
TESTS = [
    "tests/models",
    *(f"tests/methods/test_{name}.py" for name in ("attention_baselines", "gradient", "staa")),
]


@dataclass(frozen=True)
class Case:
    """What is installed beside the dependencies, with which extra, and what Python then runs."""

    release: str
    extra: str
    run: tuple[str, ...]


CASES = {
    "lowest": Case("transformers==5.0.0", "baselines", (*PYTEST, *TESTS)),
    # In 5.10 to 5.17 the keys of VideoMAE have a bias, which no published checkpoint has.
    "5.14": Case("transformers==5.14.*", "baselines", (*PYTEST, *TESTS)),
    "newest": Case("transformers<6", "baselines", (*PYTEST, *TESTS)),
    "anywidget": Case("anywidget==0.9.*", "dev", (*PYTEST, "tests/widget/test_player.py", "tests/lab")),
    "marimo": Case("marimo", "dev", ("tests/marimo_smoke.py",)),
    # Firefox and WebKitGTK with an exported page, Firefox with the player in Voila.
    "engines": Case("voila", "dev", ("tests/engines_smoke.py",)),
}
UNPINNED = ("transformers", "huggingface_hub", "tokenizers", "anywidget")
"""What constraints.txt pins and each case chooses for itself."""


def make_environment(place: Path, case: Case) -> Path:
    """Make an environment with what the package depends on; return its Python."""
    python = place / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if not python.exists():
        venv.create(place, with_pip=True)
    pinned = place / "constraints.txt"
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned.write_text("\n".join(line for line in lines if not line.startswith(UNPINNED)))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    requirements = [*project["dependencies"], *project["optional-dependencies"][case.extra], "pytest", case.release]
    subprocess.run([python, "-m", "pip", "install", "-q", "-U", "-c", pinned, *requirements], check=True)
    return python


def main(folder: Path, *names: str) -> int:
    """Run each case, or those named; return how many failed."""
    outcomes = {}
    for name in names or CASES:
        case = CASES[name]
        python = make_environment(folder / name, case)
        package = case.release.partition("=")[0].partition("<")[0]
        code = f"from importlib.metadata import version as v; print('{package}', v('{package}'), 'torch', v('torch'))"
        versions = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip()
        print(f"== {name}: {versions}", flush=True)
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        outcomes[f"{name} ({versions})"] = subprocess.run([python, *case.run], cwd=ROOT, env=env).returncode
    for name, code in outcomes.items():
        print(f"== {name}: {'failed' if code else 'passed'}")
    return sum(map(bool, outcomes.values()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT / ".venv-matrix", help="folder of environments")
    parser.add_argument("name", nargs="*", help=f"of {', '.join(CASES)}; default: all")
    options = parser.parse_args()
    sys.exit(main(options.folder.absolute(), *options.name))
