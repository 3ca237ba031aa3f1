"""Fixtures that every test may use."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.helpers.paths import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import ConsoleMessage, Page

    from staa_widgets.explanation.explanation import Explanation
    from staa_widgets.models import VideoModel
    from tests.helpers.fake_hub import FakeHub


def pytest_configure(config: pytest.Config) -> None:
    """Let pass what pytest-base-url, which pytest-playwright needs, is warned of by pytest 9."""
    config.addinivalue_line("filterwarnings", "ignore:Session-scoped fixtures defined as instance methods")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run fast tests first: those without a browser, then Chromium's, then JupyterLab's."""
    items.sort(key=lambda item: [item.get_closest_marker(name) is not None for name in ("lab", "browser")])


@pytest.fixture(scope="module")
def model() -> VideoModel:
    """Model with five classes and random weights."""
    from tests.helpers.timesformers import tiny_timesformer_model

    return tiny_timesformer_model()


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn clip of four seconds as an mp4 file."""
    from staa_widgets import action_clip

    return action_clip(3, size=48, fps=8).write_mp4(tmp_path_factory.mktemp("videos") / "clip.mp4")


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeHub]:
    """A Hugging Face Hub on the loopback, with a cache of its own."""
    from tests.helpers.fake_hub import run_fake_hub

    with run_fake_hub(tmp_path_factory.mktemp("hub")) as hub:
        yield hub


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Cache of the test's own."""
    monkeypatch.delenv("STAA_CACHE_LIMIT", raising=False)
    monkeypatch.setenv("STAA_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def forwards(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Number of windows of each recorded pass so far; passes of still clips for a time profile are not counted."""
    import staa_widgets.engine.time_profile
    import staa_widgets.models.capture

    passes: list[int] = []
    original = staa_widgets.models.capture.record

    def count_and_record(model: VideoModel, pixels: Any, *rest: Any) -> Any:
        passes.append(len(pixels))
        return original(model, pixels, *rest)

    record_still_clips = staa_widgets.engine.time_profile._record_still_clips

    def record_without_counting(*arguments: Any) -> Any:
        before = passes.copy()
        records = record_still_clips(*arguments)
        passes[:] = before
        return records

    monkeypatch.setattr(staa_widgets.models.capture, "record", count_and_record)
    monkeypatch.setattr(staa_widgets.engine.time_profile, "_record_still_clips", record_without_counting)
    return passes


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Arguments that make Playwright launch the Chromium that is installed."""
    from tests.helpers.chromium import launch_args

    arguments = launch_args()
    if arguments is None:
        pytest.fail("no Chromium is installed; leave browser tests out with -m 'not browser'")
    return {**browser_type_launch_args, **arguments}


@pytest.fixture
def open_page(page: Page, tmp_path: Path) -> Iterator[Callable[..., Page]]:
    """Write the page of explanations and open it; at the end, it has made no other request and logged no complaint."""
    from staa_widgets.widget.page import to_html
    from tests.helpers.chromium import PATIENCE

    requested_urls: list[str] = []
    complaints: list[str] = []

    def complain(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(message.text)

    page.set_default_timeout(PATIENCE)
    page.on("request", lambda request: requested_urls.append(request.url))
    page.on("console", complain)
    page.on("pageerror", lambda error: complaints.append(str(error)))

    def open_written_page(e: Explanation | Sequence[Explanation], **settings: Any) -> Page:
        page.goto(to_html(e, tmp_path / "page.html", **settings).as_uri())
        page.wait_for_selector("canvas[data-frame]")
        return page

    yield open_written_page
    assert {*requested_urls} == {(tmp_path / "page.html").as_uri()}
    assert complaints == []


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Source distribution and wheel of the working tree, built on a machine without Node."""
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
    run = subprocess.run(
        [sys.executable, "-m", "build", "--outdir", str(out), str(source)],
        env={**os.environ, "PATH": str(tools)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    return next(out.glob("*.tar.gz")), next(out.glob("*.whl"))


@pytest.fixture(scope="session")
def clean_environment(distributions: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel in it; only what the package depends on is shared with that of the tests."""
    place = tmp_path_factory.mktemp("clean")
    venv.create(place, with_pip=False)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(place)}))
    with zipfile.ZipFile(distributions[1]) as wheel:
        wheel.extractall(site)
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return place
