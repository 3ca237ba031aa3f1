"""Binder's configuration: versions match the package, no package host is named, and postBuild works."""

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
    (result,) = (parsed.specifier for parsed in map(Requirement, requirements) if parsed.name == name)
    return str(result)


def test_no_package_host_is_named():
    for path in (ROOT / "binder").iterdir():
        assert not re.search(r"://|\.(org|com|io)\b|index-url", path.read_text("utf-8")), path
    assert ENVIRONMENT["channels"] == ["conda-forge"]


def test_the_environment_has_the_versions_of_the_package():
    versions = {re.split("[<>=]", name)[0]: re.sub("^[a-z-]+", "", name) for name in ENVIRONMENT["dependencies"]}
    assert set(versions) >= {"python", "pip", "pytorch-cpu", "nodejs"}
    assert versions["pytorch-cpu"] == specifier("torch", PROJECT["project"]["dependencies"])
    for name in ("hatchling", "hatch-jupyter-builder"):
        assert versions[name] == specifier(name, PROJECT["build-system"]["requires"])
    oldest = PROJECT["project"]["requires-python"].removeprefix(">=")
    assert versions["python"] == f"={oldest}"


def test_binder_and_make_lab_open_the_same_notebook():
    links = re.findall(r"https://mybinder\.org/v2/\S+", (ROOT / "README.md").read_text("utf-8"))
    assert len(links) == 1  # One place for the name of the repository.
    binder_paths = {parse_qs(urlsplit(link).query)["urlpath"][0] for link in links}
    make_paths = re.findall(r"jupyter lab .*?default_url=/(\S+)", (ROOT / "Makefile").read_text("utf-8"))
    assert binder_paths == set(make_paths)
    assert all((ROOT / path.removeprefix("lab/tree/")).is_file() for path in make_paths)


def test_post_build_installs_a_working_package(tmp_path: Path):
    """Run in a copy of the tree; the new environment shares only the dependencies that conda would install."""
    tree, environment = tmp_path / "tree", tmp_path / "environment"
    git_files = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, git_files.stdout.split("\0")):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name)
    assert os.access(tree / "binder" / "postBuild", os.X_OK)
    venv.create(environment, with_pip=True)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(environment)}))
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    path = os.pathsep.join([str(environment / "bin"), str(Path(sys.prefix) / "bin"), os.environ["PATH"]])
    process = subprocess.run(
        ["binder/postBuild"], cwd=tree, env={**os.environ, "PATH": path}, capture_output=True, text=True
    )
    assert process.returncode == 0, process.stdout[-3000:] + process.stderr[-3000:]
    assert process.stdout.splitlines()[-1].startswith("<Explanation of 'kick' by staa"), process.stdout
    installed = site / "staa_widgets"
    assert (installed / "widget" / "static" / "widget.js").is_file()
    assert not (tree / "js" / "node_modules").exists()


def test_post_build_stops_at_the_first_failing_step():
    script = (ROOT / "binder" / "postBuild").read_text("utf-8")
    assert script.startswith("#!/usr/bin/env bash\n")
    assert "set -euo pipefail" in script
