"""Run the notebooks and measure them: `python -m benchmarks.notebooks`, or `make notebooks-report`.

Each notebook runs once, by nbmake, in a process of its own on two cores, without a network, and in a folder that looks
like a clone. With ``--out FOLDER`` (default: out/notebooks) the folder gets

- ``NAME.ipynb``: the notebook with the outputs of this run; the docs and the browser test show it,
- ``report.json``: for each notebook its seconds, the CPU seconds of all its processes, the peak memory of the largest
  one, its size when saved, and its number of code cells.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
OUT = ROOT / "out" / "notebooks"

OFFLINE = """
import os, socket

def offline(call):
    def connect(self, address):
        if self.family != socket.AF_UNIX and not str(address[0]).startswith(("127.", "localhost", "::1")):
            with open(os.environ["CONNECTIONS_FILE"], "a") as file:
                file.write(f"{address}\\n")
            raise OSError("no network in this test")
        return call(self, address)
    return connect

socket.socket.connect, socket.socket.connect_ex = offline(socket.socket.connect), offline(socket.socket.connect_ex)
"""
"""`sitecustomize` of a run: refuses connections to other machines, and writes them down."""

MEASURE = """
import resource, subprocess, sys
code = subprocess.run([sys.executable, "-m", "pytest", *sys.argv[1:]]).returncode
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print("MEASURED", usage.ru_maxrss, usage.ru_utime + usage.ru_stime)
sys.exit(code)
"""


@dataclass(frozen=True)
class Run:
    """One run of a notebook.

    Parameters
    ----------
    name
        File name without suffix.
    passed
        Whether every cell ran.
    seconds
        Wall-clock time, with the start of Python.
    cpu_seconds
        CPU time of all processes: on a busy machine, the better measure of cost.
    peak_memory
        Bytes of the largest process at its peak.
    size
        Bytes of the notebook with its outputs.
    code_cells
        Number of code cells.
    connections
        Attempts to reach another machine.
    log
        The end of what the run printed, if it failed.
    """

    name: str
    passed: bool
    seconds: float
    cpu_seconds: float
    peak_memory: int
    size: int
    code_cells: int
    connections: tuple[str, ...]
    log: str = ""


def run_notebook(path: Path, out: Path = OUT, prefix: Sequence[str] = ()) -> Run:
    """Run a notebook, write it with its outputs into a folder, and return the measurements.

    Parameters
    ----------
    path
        The notebook; it is not changed.
    out
        Folder for the notebook with its outputs; made if it is missing.
    prefix
        Command that runs the process, for example one that limits its memory: ``("prlimit", "--data=2000000000")``.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        copy = _make_clone(path, folder)
        places = [str(folder / "path"), *filter(None, [os.environ.get("PYTHONPATH")]), str(ROOT)]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(places),
            "STAA_CACHE": str(folder / "cache"),
            "CONNECTIONS_FILE": str(folder / "connections"),
        }
        command = [
            *prefix,
            sys.executable,
            "-c",
            MEASURE,
            "-p",
            "no:cacheprovider",
            "--nbmake",
            "--nbmake-timeout=1800",
            "--overwrite",
            copy,
        ]
        began = time.perf_counter()
        process = subprocess.run(
            command, cwd=folder, env=environment, preexec_fn=_use_two_cores, capture_output=True, text=True
        )
        seconds = time.perf_counter() - began
        measured = re.findall(r"MEASURED (\d+) ([\d.]+)", process.stdout)
        memory, cpu_seconds = measured[0] if measured else (0, 0)
        passed = process.returncode == 0 and "1 passed" in process.stdout
        connections = folder / "connections"
        out.mkdir(parents=True, exist_ok=True)
        shutil.copy(copy, out / path.name)
        return Run(
            path.stem,
            passed,
            round(seconds, 1),
            round(float(cpu_seconds), 1),
            int(memory) * (1 if sys.platform == "darwin" else 1024),
            copy.stat().st_size,
            sum(cell["cell_type"] == "code" for cell in json.loads(path.read_text("utf-8"))["cells"]),
            tuple(connections.read_text().splitlines()) if connections.exists() else (),
            "" if passed else (process.stdout + process.stderr)[-4000:],
        )


def read_run(path: Path, out: Path = OUT) -> Run | None:
    """Return the last run of a notebook if it passed and no file that it depends on is newer."""
    report, written = out / "report.json", out / path.name
    if not (report.exists() and written.exists()):
        return None
    entries = {entry["name"]: entry for entry in json.loads(report.read_text("utf-8"))}
    sources = [path, *(ROOT / "notebooks" / "models").rglob("*.*"), *(ROOT / "course" / "source" / "A3").glob("*.py")]
    sources += [file for file in (ROOT / "staa_widgets").rglob("*") if file.is_file() and file.suffix != ".pyc"]
    is_current = written.stat().st_mtime > max(file.stat().st_mtime for file in sources)
    if path.stem not in entries or not entries[path.stem]["passed"] or not is_current:
        return None
    entry = entries[path.stem]
    return Run(**{**entry, "connections": tuple(entry["connections"])})


def write_report(runs: Sequence[Run], out: Path = OUT) -> Path:
    """Write report.json; notebooks that were not run keep the entry that they have."""
    path = out / "report.json"
    entries = {entry["name"]: entry for entry in json.loads(path.read_text("utf-8"))} if path.exists() else {}
    entries |= {run.name: asdict(run) for run in runs}
    path.write_text(json.dumps([entries[name] for name in sorted(entries)], indent=1) + "\n", "utf-8")
    return path


def format_table(runs: Sequence[Run]) -> str:
    """Return the runs as a table in Markdown."""
    lines = ["| notebook | code cells | seconds | CPU seconds | peak memory | saved |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {run.name}{'' if run.passed else ' (failed)'} | {run.code_cells} | {run.seconds:.0f} "
        f"| {run.cpu_seconds:.0f} | {run.peak_memory / 1e6:.0f} MB | {run.size / 1e6:.1f} MB |"
        for run in runs
    ]
    return "\n".join(lines)


def _make_clone(path: Path, folder: Path) -> Path:
    """Make a folder look like a clone, with a copy of the notebook, and return the copy."""
    for part in ("course", "docs"):
        (folder / part).symlink_to(ROOT / part)
    (folder / "notebooks").mkdir()
    (folder / "notebooks" / "models").symlink_to(ROOT / "notebooks" / "models")
    (folder / "path").mkdir()
    (folder / "path" / "sitecustomize.py").write_text(OFFLINE)
    return Path(shutil.copy(path, folder / "notebooks"))


def _use_two_cores() -> None:
    """Limit a child process to two cores, as on Binder."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])


def main() -> None:
    """Run notebooks, print the table, and fail if a notebook failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="beginnings of names, such as 04; default: all notebooks")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    runs = []
    for path in NOTEBOOKS:
        if not options.names or path.stem.startswith(tuple(options.names)):
            runs.append(run_notebook(path, options.out))
            print(f"{path.stem}: {'passed' if runs[-1].passed else 'FAILED'}, {runs[-1].seconds} s", flush=True)
            print(runs[-1].log, end="", flush=True)
    write_report(runs, options.out)
    print(format_table(runs))
    sys.exit(not all(run.passed for run in runs))


if __name__ == "__main__":
    main()
