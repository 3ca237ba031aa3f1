"""The package as people get it: built from source without Node on the machine, used in a clean environment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CARRIED = {
    "staa_widgets/py.typed",
    "staa_widgets/widget/static/page.js",
    "staa_widgets/widget/static/widget.js",
    "staa_widgets/widget/static/widget.css",
    "staa_widgets/models/bundled/config.json",
    "staa_widgets/models/bundled/model.safetensors",
    "staa_widgets/models/bundled/preprocessor_config.json",
}
USE = """
import sys, staa_widgets as staa
clip = staa.action_clip(3, fps=4)
found = staa.explain(clip)
page = found.to_html(sys.argv[1])
print(staa.__file__, found.labels[found.target], clip.label, sep="\\n")
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Source distribution and wheel of the working tree, built where no Node is to be found."""
    source, tools, out = (tmp_path_factory.mktemp(name) for name in ("source", "tools", "out"))
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    ).stdout.decode()
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, source / name)
    for tool in ("sh", "env", "uname"):
        (tools / tool).symlink_to(str(shutil.which(tool)))
    assert shutil.which("node", path=str(tools)) is None
    built = subprocess.run(
        [sys.executable, "-m", "build", "--outdir", str(out), str(source)],
        env={**os.environ, "PATH": str(tools)},
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stdout[-3000:] + built.stderr[-3000:]
    return next(out.glob("*.tar.gz")), next(out.glob("*.whl"))


def test_sdist_and_wheel_carry_bundle_styles_and_weights(built):
    sdist, wheel = built
    with zipfile.ZipFile(wheel) as held:
        names = set(held.namelist())
        assert names >= CARRIED
        assert held.getinfo("staa_widgets/models/bundled/model.safetensors").file_size <= 4_000_000
    assert not any("node_modules" in name or name.startswith("tests/") for name in names)
    with tarfile.open(sdist) as held:
        inside = {name.split("/", 1)[1] for name in held.getnames() if "/" in name}
    assert inside >= CARRIED
    assert not any("node_modules" in name for name in inside)


def test_the_wheel_explains_and_exports_in_a_clean_environment(built, tmp_path):
    """Only what the package depends on is shared with the environment of the tests."""
    place = tmp_path / "clean"
    venv.create(place, with_pip=False)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(place)}))
    with zipfile.ZipFile(built[1]) as wheel:
        wheel.extractall(site)
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    used = subprocess.run(
        [place / "bin" / "python", "-W", "error::UserWarning", "-c", USE, str(tmp_path / "page.html")],
        cwd=tmp_path,
        env={**os.environ, "STAA_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
    )
    assert used.returncode == 0, used.stderr
    origin, predicted, label = used.stdout.split()
    assert Path(origin).is_relative_to(place)
    assert predicted == label
    assert (tmp_path / "page.html").stat().st_size > 50_000
