"""Measure models through `explain` and write their model cards.

Every clip is drawn at 320 pixels, written as mp4 and explained from the file; none of the seeds is a training seed.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from training.accuracy import Prediction, list_cases, predict_actions
from training.data import CARD_SEEDS, CLEARLY_VISIBLE, LEAST_VISIBLE, NAMES
from training.train import BUNDLED

VISIBLE_BANDS = ((CLEARLY_VISIBLE, 1.01), (0.6, CLEARLY_VISIBLE), (LEAST_VISIBLE, 0.6))
"""Visible shares of an action, from and to, by which accuracy is listed."""


def share_found(predictions: Iterable[Prediction], model: int) -> tuple[float, int]:
    """Return the share of clips whose action a model predicts, and the number of clips."""
    hits = [prediction.predicted[model] == prediction.label for prediction in predictions]
    return float(np.mean(hits)) if hits else float("nan"), len(hits)


def write_card(folder: Path, model: int, predictions: Sequence[Prediction], origin: str) -> str:
    """Return the model card of a folder.

    Parameters
    ----------
    folder
        Folder of the model.
    model
        Index of the model in the predictions.
    predictions
        Predictions of all models.
    origin
        Sentence about the run that trained the model.
    """
    unseen = [prediction for prediction in predictions if prediction.set == "unseen"]
    clear = [prediction for prediction in unseen if prediction.visible >= CLEARLY_VISIBLE]
    by_class = [(name, share_found([p for p in clear if p.label == name], model)) for name in NAMES]
    by_share = [
        (format_band(low, high), share_found([p for p in unseen if low <= p.visible < high], model))
        for low, high in VISIBLE_BANDS
    ]
    others = {name: share_found([p for p in predictions if p.set == name], model) for name in OTHER_SETS}
    config = json.loads((folder / "config.json").read_text())
    return CARD.format(
        kind=KINDS[config["model_type"]],
        count=len(config["id2label"]),
        size=(folder / "model.safetensors").stat().st_size / 1e6,
        origin=origin,
        first=CARD_SEEDS,
        clips=len(clear),
        least=f"{CLEARLY_VISIBLE:.0%}",
        class_rows=format_rows([*by_class, ("**all**", share_found(clear, model))]),
        share_rows=format_rows(by_share),
        other_rows=format_rows([(OTHER_SETS[name], share) for name, share in others.items()]),
        style=style_section(),
    )


def style_section() -> str:
    """Return the section about clips that are not drawn, with the figures of docs/generated/drawn_style.md."""
    page = STYLE_PAGE.read_text("utf-8")
    return STYLE.format(figures=next(line for line in page.splitlines() if line.startswith("Of ")))


def with_style_section(card: str) -> str:
    """Return a card with the section about clips that are not drawn as it is now, at its end."""
    return f"{card.partition(STYLE.splitlines()[0])[0].rstrip()}\n\n{style_section()}"


def format_band(low: float, high: float) -> str:
    """Return the text of a range of visible shares."""
    return f"{low:.0%} or more" if high > 1 else f"{low:.0%} to {high:.0%}"


def format_rows(rows: Iterable[tuple[str, tuple[float, int]]]) -> str:
    """Return the rows of a Markdown table: name, number of clips, share."""
    return "\n".join(f"| {name} | {clips} | {share:.1%} |" for name, (share, clips) in rows if clips)


def main() -> None:
    """Measure, print and write the cards."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=1000, help="clips in which enough of the action is visible")
    parser.add_argument("--others", type=int, default=200, help="clips of each other set")
    parser.add_argument("--model", type=Path, nargs="+", default=list_bundled(), help="folders; README.md is written")
    parser.add_argument("--origin", default=ONE_RUN, help="sentence about the run that trained the models")
    parser.add_argument("--style", action="store_true", help="write only the section about clips that are not drawn")
    options = parser.parse_args()
    if options.style:
        for card in [folder / "README.md" for folder in options.model]:
            card.write_text(with_style_section(card.read_text("utf-8")), "utf-8")
        return
    predictions = predict_actions(list_cases(options.clips, options.others), options.model)
    for index, folder in enumerate(options.model):
        text = write_card(folder, index, predictions, options.origin)
        print(f"{folder}\n\n{text}")
        (folder / "README.md").write_text(text)


def list_bundled() -> list[Path]:
    """Return the folders of the bundled models."""
    return sorted(path.parent for path in BUNDLED.rglob("config.json"))


KINDS = {
    "timesformer": "TimeSformer (divided space-time attention, 8 frames of 64 x 64 pixels, patches of 8",
    "vivit": "ViViT (joint attention read by CLS, 8 frames of 64 x 64 pixels, tubelets of 2 x 8 x 8",
    "videomae": "VideoMAE (joint attention, mean pooling, 8 frames of 64 x 64 pixels, tubelets of 2 x 8 x 8",
}
OTHER_SETS = {
    "middle": "the whole action in the middle of the clip",
    "second": "drawn differently: smaller figures, lighter grounds, slower swings",
    "backwards": "raise_arm played backwards, predicted as lower_arm",
}
ONE_RUN = "`make train` trains it again; on another machine its weights differ slightly."
STYLE_PAGE = Path(__file__).parents[1] / "docs" / "generated" / "drawn_style.md"
STYLE = """## Clips that are not drawn

The model also answers for films, with high probabilities that mean nothing. Player, page and command line therefore say
when the frames do not look drawn, which is measured on the pixels, without the model (`benchmarks/drawn_style.py`).
{figures}
"""
CARD = """---
license: apache-2.0
pipeline_tag: video-classification
---

# A bundled model

A small {kind}, {size:.1f} MB) that
recognizes {count} classes of drawn stick figures (`staa_widgets.action_clip`): ten actions, and two held poses. It is
in the package so that everything runs offline in seconds. The place and time of each action are known, so that an
explanation can be checked. The model was trained on nothing but such drawings: on a video of the real world its answer
means nothing, and its maps show what a model does outside of its domain.

Trained by `training/train.py`; this card is written by `training/card.py`.
{origin}

## Accuracy

Clips that were not used for training (seeds from {first}), drawn at 320 pixels, written as mp4 (H.264) and explained
from the file. An action may begin anywhere in time, so that a clip may show only a part of it; half a jump looks like a
squat. Accuracy is therefore judged on {clips} clips that show at least {least} of the action:

| class | clips | accuracy |
|---|---|---|
{class_rows}

By the visible share of the action:

| visible | clips | accuracy |
|---|---|---|
{share_rows}

Other clips:

| clips | number | accuracy |
|---|---|---|
{other_rows}

{style}"""

if __name__ == "__main__":
    main()
