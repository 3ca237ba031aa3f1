"""The distributed package: built from source without Node and used in a clean environment."""

from __future__ import annotations

import os
import subprocess
import tarfile
import zipfile
from pathlib import Path

MODELS = {"", "timesformer-1/", "vivit/", "videomae/", "videomae-1/"}
NEEDED_FILES = {
    "staa_widgets/py.typed",
    "staa_widgets/widget/static/live.css",
    "staa_widgets/widget/static/live.js",
    "staa_widgets/widget/static/page.js",
    "staa_widgets/widget/static/widget.js",
    "staa_widgets/widget/static/widget.css",
    *(
        f"staa_widgets/models/bundled/{model}{name}"
        for model in MODELS
        for name in ("config.json", "model.safetensors", "preprocessor_config.json")
    ),
}
USE = """
import sys, staa_widgets as staa
clip = staa.action_clip(3, fps=4)
e = staa.explain(clip)
page = e.to_html(sys.argv[1])
print(staa.__file__, e.labels[e.target], clip.label, sep="\\n")
"""


def test_sdist_and_wheel_contain_bundle_styles_and_weights(distributions):
    sdist, wheel = distributions
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        assert names >= NEEDED_FILES
        sizes = [archive.getinfo(f"staa_widgets/models/bundled/{model}model.safetensors").file_size for model in MODELS]
        assert max(sizes) <= 1_600_000
    assert not any("node_modules" in name or name.startswith("tests/") for name in names)
    with tarfile.open(sdist) as archive:
        sdist_names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    assert sdist_names >= NEEDED_FILES
    assert not any("node_modules" in name for name in sdist_names)


def test_the_wheel_explains_and_exports_in_a_clean_environment(clean_environment, tmp_path):
    process = subprocess.run(
        [clean_environment / "bin" / "python", "-W", "error::UserWarning", "-c", USE, str(tmp_path / "page.html")],
        cwd=tmp_path,
        env={**os.environ, "STAA_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    origin, predicted, label = process.stdout.split()
    assert Path(origin).is_relative_to(clean_environment)
    assert predicted == label
    assert (tmp_path / "page.html").stat().st_size > 50_000
