"""``staa explain``: explain videos and write a file for each."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

from staa_widgets.cli.output import DONE, FAILED, open_in_browser, print_summary, report_error
from staa_widgets.errors import ParameterError
from staa_widgets.explanation.exports import FORMATS_BY_SUFFIX, find_format


def run_explain(options: argparse.Namespace) -> int:
    """Explain the videos and write a file for each; return 1 if one of them failed."""
    from staa_widgets.engine.many import explain_many
    from staa_widgets.engine.video_list import list_videos
    from staa_widgets.methods import get_method
    from staa_widgets.models import load_model

    get_method(options.method)
    model = load_model(options.model, device=options.device, revision=options.revision)
    target = _choose_target(options.target, options.minus, model.labels)
    videos = [Path(video) for video in list_videos(options.videos)]
    pages = iter(_choose_outputs(videos, options.out))
    outcomes = explain_many(
        videos,
        model,
        options.method,
        target=target,
        start=options.start,
        end=options.end,
        window=options.window,
        stride=options.stride,
        cache=options.cache,
    )
    failed = 0
    for outcome in outcomes:
        page, explanation = next(pages), outcome.explanation
        try:
            if explanation is None:
                raise outcome.error or RuntimeError("There is no explanation.")
            explanation.export(page, video=Path(outcome.video))
        except Exception as error:
            failed += 1
            report_error(error, options, outcome.video)
            continue
        print_summary(explanation, page, brief=len(videos) > 1)
        if options.open:
            open_in_browser(page)
    if len(videos) > 1:
        print(f"{len(videos) - failed} of {len(videos)} videos explained" + (f", {failed} failed" if failed else ""))
    return FAILED if failed else DONE


def _choose_target(target: str | None, minus: str | None, labels: tuple[str, ...]) -> Any:
    """Return the class or the pair of classes that is to be explained; a label that is a number stays a label."""
    first, second = (
        int(name) if name is not None and name.isdecimal() and name not in labels else name for name in (target, minus)
    )
    if second is None:
        return first
    if first is None:
        raise ParameterError("--minus was given without --target.", "Give both classes: --target wave --minus clap.")
    return first, second


def _choose_outputs(videos: list[Path], out: Path | None) -> list[Path]:
    """Return the output file of each video; videos with the same name get numbered files."""
    if out is not None and out.suffix.lower() in FORMATS_BY_SUFFIX:
        if len(videos) > 1:
            label = find_format(out).label
            raise ParameterError(f"{str(out)!r} is one {label} for {len(videos)} videos.", "Pass a folder to --out.")
        out.parent.mkdir(parents=True, exist_ok=True)
        return [out]
    if out is not None and len(videos) == 1 and re.fullmatch(r"\.[a-zA-Z]\w{1,4}", out.suffix) and not out.is_dir():
        raise ParameterError(
            f"Cannot export to a file that ends in {out.suffix!r}.",
            f"Choose from {', '.join(FORMATS_BY_SUFFIX)}, or pass an existing folder.",
        )
    folder = out or Path()
    folder.mkdir(parents=True, exist_ok=True)
    pages: dict[str, Path] = {}  # by name in lower case, because some file systems ignore case
    for video in videos:
        name, number = f"{video.stem}.staa.html", 1
        while name.casefold() in pages:
            number += 1
            name = f"{video.stem}-{number}.staa.html"
        pages[name.casefold()] = folder / name
    return list(pages.values())
