"""What published models were trained to see in one window, and how a loaded model gets its recipe."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from staa_widgets import load_model, wrap_model
from staa_widgets.models.checkpoint.known import KNOWN_CHECKPOINTS
from staa_widgets.models.recipes import KNOWN_RECIPES, find_recipe
from tests.helpers.tiny import PROCESSOR, tiny_classifier

WHOLE = None
"""Stands for a model that was trained on whole clips."""


@pytest.mark.parametrize(
    ("family", "frames", "names", "seconds"),
    [
        ("videomae", 16, ["MCG-NJU/videomae-base-finetuned-kinetics"], 16 * 4 / 30),
        ("vivit", 32, ["google/vivit-b-16x2-kinetics400"], 32 * 2 / 25),
        ("timesformer", 8, ["facebook/timesformer-base-finetuned-k400"], 8 * 32 / 30),
        ("timesformer", 16, ["facebook/timesformer-hr-finetuned-k600"], 16 * 16 / 30),
        ("timesformer", 96, ["facebook/timesformer-large-finetuned-k400"], 96 * 4 / 30),
        ("timesformer", 8, ["facebook/timesformer-base-finetuned-ssv2"], WHOLE),
        ("videomae", 16, ["MCG-NJU/videomae-base-finetuned-ssv2"], WHOLE),
        ("vjepa2", 16, ["facebook/vjepa2-vitl-fpc16-256-ssv2"], WHOLE),
        ("vjepa2", 32, ["facebook/vjepa2-vitg-fpc32-384-diving48"], 32 * 2 / 30),
        # A copy of a repository; a folder whose configuration states where the weights came from; a path.
        ("timesformer", 96, ["someone/timesformer-large-finetuned-k400"], 96 * 4 / 30),
        ("timesformer", 8, ["my-model", "facebook/timesformer-base-finetuned-ssv2"], WHOLE),
        ("videomae", 16, ["/data/videomae-base-finetuned-ssv2/"], WHOLE),
        ("videomae", 16, ["someone/videomae-large-my-ssv2"], WHOLE),
        # Nothing is known but the family.
        ("videomae", 16, ["someone/videomae-base-finetuned-ucf101", None], 16 * 4 / 30),
        ("timesformer", 96, ["mine"], 96 * 4 / 30),
        ("vjepa2", 64, ["mine"], 64 * 2 / 30),
    ],
)
def test_the_recipe_of_a_model(family: str, frames: int, names: list[str | None], seconds: float | None):
    recipe = find_recipe(family, frames, names)
    assert recipe is not None
    assert recipe.whole == (seconds is WHOLE)
    assert recipe.seconds == pytest.approx(4 if seconds is WHOLE else seconds)


def test_every_known_checkpoint_has_a_recipe():
    assert {name.rpartition("/")[2] for name in KNOWN_CHECKPOINTS} <= KNOWN_RECIPES.keys()


def test_every_recipe_is_of_a_known_checkpoint_or_of_one_that_is_not_tried():
    others = KNOWN_RECIPES.keys() - {name.rpartition("/")[2] for name in KNOWN_CHECKPOINTS}
    assert others == {"videomae-small-finetuned-kinetics", "videomae-small-finetuned-ssv2", "vivit-b-16x2"}


def test_the_recipe_of_a_folder_is_found_by_the_name_that_its_configuration_states(tmp_path: Path):
    tiny_classifier("videomae").save_pretrained(tmp_path / "copy")
    path = tmp_path / "copy" / "config.json"
    for name, whole in (("MCG-NJU/videomae-base-finetuned-ssv2", True), ("someone/other", False)):
        path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | {"_name_or_path": name}), "utf-8")
        recipe = load_model(tmp_path / "copy", processor=PROCESSOR).recipe
        assert recipe is not None
        assert recipe.whole == whole


def test_the_recipe_of_a_module_is_found_by_the_name_it_was_loaded_by():
    module: Any = tiny_classifier("videomae")
    assert load_model(module, processor=PROCESSOR).recipe is None
    module.config.name_or_path = "MCG-NJU/videomae-base-finetuned-ssv2"
    recipe = load_model(module, processor=PROCESSOR).recipe
    assert recipe is not None
    assert recipe.whole


def test_bundled_models_were_trained_on_whole_clips_and_nothing_is_known_of_others():
    for name in (None, "bundled/vivit"):
        recipe = load_model(name).recipe
        assert recipe is not None
        assert (recipe.seconds, recipe.whole) == (4, True)
    assert wrap_model(lambda clips: clips.mean((1, 2, 3, 4))[:, None], frames=4, size=8, labels=1).recipe is None
