"""Draw one clip of each kind as a row of frames, for docs/clip_kinds.jpg; `python -m benchmarks.clip_kinds`."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from staa_widgets.datasets.drawn_actions import ActionClip, action_clip, still_clip
from staa_widgets.evaluation.benchmark.plan import CLIP_SETS

COLUMNS, SIZE, MARGIN = 8, 96, 16
TRUTH, IDLE = (0, 200, 80), (90, 90, 90)


def example_clips() -> dict[str, ActionClip]:
    """Return one clip by its caption."""
    seeds = {"inside": 33, "cut off at the start": 54, "cut off at the end": 48, "filling the clip": 45, "twice": 39}
    first = CLIP_SETS["first"].first_seed
    clips = {
        f"anywhere: {text}": action_clip(first + seed, size=SIZE, fps=8, kind="anywhere")
        for text, seed in seeds.items()
    }
    clips |= {f"stay: {name}": action_clip(4, name, size=SIZE, fps=8, kind="stay") for name in ("hold_arm", "crouch")}
    clips["cut: only the action"] = action_clip(6, size=SIZE, fps=8, kind="cut")
    clips |= {f"still: {kind}": still_clip(3, kind, size=SIZE) for kind in ("plain", "brightness")}
    return clips


def draw_row(caption: str, clip: ActionClip) -> Image.Image:
    """Return the frames of a clip side by side: the truth is tinted, a bar above marks frames without the action."""
    row = Image.new("RGB", (COLUMNS * SIZE, SIZE + MARGIN), "white")
    draw = ImageDraw.Draw(row)
    draw.text((4, 2), caption if clip.kind in {"stay", "still"} else f"{caption} ({clip.label})", fill="black")
    for column, index in enumerate(np.linspace(0, len(clip.frames) - 1, COLUMNS).round().astype(int)):
        frame = clip.frames[index].copy()
        frame[clip.where[index]] = 0.4 * frame[clip.where[index]] + 0.6 * np.array(TRUTH)
        row.paste(Image.fromarray(frame), (column * SIZE, MARGIN))
        color = TRUTH if clip.when[index] else IDLE
        draw.rectangle([column * SIZE, MARGIN - 3, (column + 1) * SIZE - 2, MARGIN - 1], fill=color)
    return row


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/clip_kinds.jpg"))
    rows = [draw_row(caption, clip) for caption, clip in example_clips().items()]
    picture = Image.new("RGB", (rows[0].width, sum(row.height for row in rows)))
    for number, row in enumerate(rows):
        picture.paste(row, (0, number * row.height))
    picture.save(parser.parse_args().out, quality=72, optimize=True)


if __name__ == "__main__":
    main()
