"""``staa live``: explain a camera or a stream, one line for each window."""

from __future__ import annotations

import argparse
import sys
import threading
from typing import TYPE_CHECKING

from staa_widgets.cli.output import DONE, INTERRUPTED, print_warning, printable

if TYPE_CHECKING:
    from staa_widgets.explanation.explanation import Explanation
    from staa_widgets.live_video.live_explanation import Live
    from staa_widgets.live_video.recorder import Recorder
    from staa_widgets.live_video.session import LiveStatus


def run_live(options: argparse.Namespace) -> int:
    """Print a line for each window until the source ends, the seconds are over, or the user presses Ctrl-C."""
    from staa_widgets.live_video.live import live
    from staa_widgets.live_video.recordings import MAX_SECONDS
    from staa_widgets.models.loading import load_model

    model = load_model(options.model, device=options.device)
    running = live(
        options.source,
        model,
        options.method,
        fps=options.fps,
        window=options.window,
        stride=options.stride,
        target=options.target,
    )
    recorder = None
    if options.record is not None:
        recorder = running.recorder.begin(min(options.seconds or MAX_SECONDS, MAX_SECONDS), options.record)
    print(printable(f"{running.source.name}, {running.explainer.method.name} of {model.id}; Ctrl-C stops"), flush=True)
    code = DONE
    try:
        _print_windows(running, options.seconds)
    except KeyboardInterrupt:
        code = INTERRUPTED
    finally:
        running.stop()
        _print_summary(running, recorder)
    return code


def _print_windows(running: Live, seconds: float | None) -> None:
    from staa_widgets.explanation.notices import describe_live_film

    running.on_status(_print_status)
    timer = threading.Timer(seconds, running.stop) if seconds is not None else None
    if timer is not None:
        timer.daemon = True
        timer.start()
    try:
        warning = ""
        for explanation in running.windows():
            if not warning and (warning := describe_live_film(explanation)):
                print_warning(f"staa: {warning}")
            print(printable(_describe(explanation, running)), flush=True)
    finally:
        if timer is not None:
            timer.cancel()


def _print_status(status: LiveStatus) -> None:
    if status.state == "waiting":
        print_warning(f"staa: {status.text}")


def _describe(explanation: Explanation, running: Live) -> str:
    """Return one line about a window: second, class, probability, share of the newest slice, place and age."""
    from staa_widgets.explanation.peak import describe_position
    from staa_widgets.records.problem import format_score

    label, score = explanation.predictions(1)[0]
    second = explanation.times[-1]
    age = running.age_of(explanation)
    text = format_score(score, explanation.problem_type, digits=0)
    place = describe_position(explanation.peak, explanation.frame_size)
    share = f"{explanation.temporal[-1]:.0%} of the attribution in the newest slice"
    return f"{second:8.2f} s  {label}, {text}; {share}; strongest at the {place}; age {1000 * age:.0f} ms"


def _print_summary(running: Live, recorder: Recorder | None) -> None:
    status = running.status
    if running.stats.offered:
        print(printable(f"{status.text} {running.stats}".strip()), flush=True)
    if recorder is not None:
        recorder.finish()
    if recorder is not None and recorder.frames:
        clip = running.recorder.keep(recorder)
        print(printable(f"recording: {recorder.path} ({len(clip)} frames, {clip.end:.1f} s)"), flush=True)
    sys.stdout.flush()
