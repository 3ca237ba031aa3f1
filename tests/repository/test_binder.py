"""Binder's configuration: what it names is there, names no place to fetch it from, and its last step works."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import yaml
from packaging.requirements import Requirement

from tests.helpers.paths import ROOT

ENVIRONMENT = yaml.safe_load((ROOT / "binder" / "environment.yml").read_text("utf-8"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def specifier(name: str, requirements: list[str]) -> str:
    (found,) = (parsed.specifier for parsed in map(Requirement, requirements) if parsed.name == name)
    return str(found)


def test_no_place_is_named():
    for path in (ROOT / "binder").iterdir():
        assert not re.search(r"://|\.(org|com|io)\b|index-url", path.read_text("utf-8")), path
    assert ENVIRONMENT["channels"] == ["conda-forge"]


def test_the_environment_has_what_the_package_is_built_and_run_with():
    named = {re.split("[<>=]", name)[0]: re.sub("^[a-z-]+", "", name) for name in ENVIRONMENT["dependencies"]}
    assert set(named) >= {"python", "pip", "pytorch-cpu", "nodejs"}
    assert named["pytorch-cpu"] == specifier("torch", PROJECT["project"]["dependencies"])
    for name in ("hatchling", "hatch-jupyter-builder"):
        assert named[name] == specifier(name, PROJECT["build-system"]["requires"])
    oldest = PROJECT["project"]["requires-python"].removeprefix(">=")
    assert named["python"] == f"={oldest}"


def test_binder_and_make_lab_open_the_same_notebook():
    links = re.findall(r"https://mybinder\.org/v2/\S+?(?=[`)])", (ROOT / "docs" / "install.md").read_text("utf-8"))
    assert links
    opened = {parse_qs(urlsplit(link).query)["urlpath"][0] for link in links}
    made = re.findall(r"jupyter lab .*?default_url=/(\S+)", (ROOT / "Makefile").read_text("utf-8"))
    assert opened == set(made)
    assert all((ROOT / path.removeprefix("lab/tree/")).is_file() for path in made)


def test_post_build_installs_a_package_that_explains(tmp_path: Path):
    """In a copy of the tree; of the environment only what conda would have put there is shared."""
    tree, place = tmp_path / "tree", tmp_path / "environment"
    told = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, told.stdout.split("\0")):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name)
    assert os.access(tree / "binder" / "postBuild", os.X_OK)
    venv.create(place, with_pip=True)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(place)}))
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    path = os.pathsep.join([str(place / "bin"), str(Path(sys.prefix) / "bin"), os.environ["PATH"]])
    run = subprocess.run(
        ["binder/postBuild"], cwd=tree, env={**os.environ, "PATH": path}, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    assert run.stdout.splitlines()[-1].startswith("<Explanation of 'kick' by staa"), run.stdout
    installed = site / "staa_widgets"
    assert (installed / "widget" / "static" / "widget.js").is_file()
    assert not (tree / "js" / "node_modules").exists()


def test_post_build_stops_where_a_step_fails():
    script = (ROOT / "binder" / "postBuild").read_text("utf-8")
    assert script.startswith("#!/usr/bin/env bash\n")
    assert "set -euo pipefail" in script
