"""Sampled queries: which are chosen, that estimates are unbiased, and that their error is reported."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from staa_widgets import action_clip, explain
from staa_widgets.methods import METHODS
from staa_widgets.models import FAMILIES, VideoModel, load_model
from staa_widgets.models.attention import ops, query_sampling, rollout
from staa_widgets.models.attention.ops import carry_rows, mean_row, mean_row_and_error, mean_row_and_head_mean
from staa_widgets.models.batching import samples_queries
from staa_widgets.models.capture import record
from staa_widgets.records.geometry import Geometry
from staa_widgets.records.record import Needs, Record
from staa_widgets.records.rollout import rollout_weights
from tests.helpers.tiny import ALL_NEEDS, ATTENDING, random_pixels, tiny_video_model

LAYOUTS = {
    "time first": Geometry(16, 2, 14, 14, "time_major", 1, (224, 224)),
    "patches first, oblong": Geometry(8, 1, 6, 10, "patch_major", 1, (96, 160)),
    "no CLS": Geometry(8, 2, 7, 5, "time_major", 0, (112, 80)),
}
STARTS = [(n + 0.5) / 500 for n in range(500)]


def sampling_families() -> list[str]:
    """Names of families whose queries are sampled if there are many tokens."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(query_sampling, "EXACT_TOKENS", 0)
        return [family for family in ATTENDING if samples_queries(tiny_video_model(family))]


SAMPLING = sampling_families()


@pytest.fixture
def sample_queries(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Function that makes small models sample a given number of queries."""

    def set_sample_size(count: int) -> None:
        monkeypatch.setattr(query_sampling, "EXACT_TOKENS", 0)
        monkeypatch.setattr(query_sampling, "SAMPLE_SIZE", count)

    return set_sample_size


def record_one(model: VideoModel, needs: Needs) -> Any:
    return record(model, random_pixels(1), needs, [2])[0]


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_the_path_visits_every_token_once_and_slice_by_slice(layout: Geometry) -> None:
    path = query_sampling.token_path(layout).numpy()
    np.testing.assert_array_equal(np.sort(path), np.arange(query_sampling.count_tokens(layout)))
    np.testing.assert_array_equal(path[: layout.prefix], np.arange(layout.prefix))
    cells: Any = np.arange(layout.slices * layout.height * layout.width)
    where = np.stack(np.unravel_index(cells, (layout.slices, layout.height, layout.width)), -1)
    by_token: Any = np.empty_like(where)
    by_token[layout.to_grid(cells).ravel()] = where
    steps = by_token[path[layout.prefix :] - layout.prefix]
    np.testing.assert_array_equal(steps[:, 0], np.sort(steps[:, 0]))
    # Consecutive tokens are near each other; with plain rows of 14, every 14th step would be 13 long.
    assert np.abs(np.diff(steps, axis=0)).sum(1).mean() < 2.5


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("start", [0, 0.31, 0.99])
def test_patches_are_spread_over_space_and_time(layout: Geometry, start: float) -> None:
    sample_indices = query_sampling.sample_evenly(layout, 64, start)
    assert len(sample_indices.unique()) == len(sample_indices) >= 64
    for sample in (sample_indices, sample_indices[0::2], sample_indices[1::2]):
        is_sampled = np.zeros(query_sampling.count_tokens(layout))
        is_sampled[sample] = 1
        cube = layout.to_grid(is_sampled[layout.prefix :])
        # Every slice has the same number, and every quarter of the picture has some.
        assert len(set(cube.sum((1, 2)))) == 1
        top, left = layout.height // 2, layout.width // 2
        quarters = [
            cube[:, rows, columns]
            for rows in (slice(top), slice(top, None))
            for columns in (slice(left), slice(left, None))
        ]
        assert min(quarter.sum() for quarter in quarters) >= len(sample) / 8


def test_over_all_starts_each_patch_is_chosen_equally_often() -> None:
    layout = LAYOUTS["no CLS"]
    frequencies = np.zeros(query_sampling.count_tokens(layout))
    for start in STARTS:
        frequencies[query_sampling.sample_evenly(layout, 16, start)] += 1 / len(STARTS)
    np.testing.assert_allclose(frequencies, 16 / len(frequencies), rtol=0.05)


def test_a_sample_of_all_tokens_has_each_once() -> None:
    layout = LAYOUTS["no CLS"]
    count = query_sampling.count_tokens(layout)
    np.testing.assert_array_equal(query_sampling.sample_evenly(layout, 2 * count, 0.7).sort().values, np.arange(count))
    weights = torch.rand(3, count, generator=torch.Generator().manual_seed(0)) + 0.01
    index, factor = query_sampling.sample_by_weight(weights, 2 * count, 0.7)
    np.testing.assert_array_equal(index, np.broadcast_to(np.arange(count), (3, count)))
    np.testing.assert_allclose(factor, 1)


def test_the_largest_weights_are_always_chosen_and_zero_weights_never() -> None:
    weights = torch.tensor([5.0, 0, 0.1, 0.2, 0.3, 0, 3.0, 0.4])
    for start in STARTS:
        index, factor = query_sampling.sample_by_weight(weights, 4, start)
        factors = dict(zip(index.tolist(), factor.tolist(), strict=True))
        assert factors[0] == factors[6] == 1
        assert not {1, 5} & factors.keys()
        assert len(factors) == 4


def test_with_few_nonzero_weights_each_counts_once() -> None:
    index, factor = query_sampling.sample_by_weight(torch.tensor([[0, 2.0, 0, 1.0], [0, 0, 0, 0]]), 3, 0.4)
    factors = torch.zeros(2, 4).scatter_add(1, index, factor)
    np.testing.assert_array_equal(factors, [[0, 1, 0, 1], [0, 0, 0, 0]])


def test_sums_are_unbiased_over_all_starts() -> None:
    generator = torch.Generator().manual_seed(0)
    weights, values = torch.rand(2, 60, generator=generator) ** 2 + 0.1, torch.randn(60, generator=generator)
    sums = []
    for start in STARTS:
        index, factor = query_sampling.sample_by_weight(weights, 7, start)
        sums.append((factor * values[index]).sum(-1))
        np.testing.assert_allclose((factor * weights.gather(1, index)).sum(-1), weights.sum(-1), rtol=1e-5)
    np.testing.assert_allclose(torch.stack(sums).mean(0), values.sum(), rtol=0.02)


def random_layers(count: int, tokens: int) -> list[dict[str, Any]]:
    generator = torch.Generator().manual_seed(1)
    return [
        {name: torch.randn(1, 2, tokens, 4, generator=generator) for name in ("query", "key")} | {"scale": 1.0}
        for _ in range(count)
    ]


@pytest.mark.parametrize("starts", ["CLS", "mean"])
def test_a_sampled_rollout_is_unbiased_for_any_share(starts: str, monkeypatch: pytest.MonkeyPatch) -> None:
    layers, path = random_layers(3, 40), torch.arange(40)
    first_rows = torch.eye(40)[:1, None] if starts == "CLS" else torch.full((1, 1, 40), 1 / 40)
    (exact,), (zero,) = rollout.roll_out(first_rows, layers)
    monkeypatch.setattr(query_sampling, "SAMPLE_SIZE", 8)
    sums, errors, deviations = torch.zeros_like(exact), [], []
    # Every layer has its own independent start.
    rng = np.random.default_rng(0)
    monkeypatch.setattr(query_sampling, "layer_offset", lambda _: rng.random())
    for _ in range(600):
        (terms,), (error,) = rollout.roll_out(first_rows, layers, path=path)
        sums += terms / 600
        errors.append(float(error))
        deviations.append(float((torch.from_numpy(rollout_weights(4, 0.3)) @ (terms - exact)[0]).abs().sum()))
    assert float(zero) == 0
    for share in (0.1, 0.3, 0.9):
        weights = torch.from_numpy(rollout_weights(4, share))
        np.testing.assert_allclose(weights @ sums[0], weights @ exact[0], atol=0.05 * float((weights @ exact[0]).max()))
    # The reported error is the real one within a factor of two.
    assert 0.5 < np.mean(errors) / np.mean(deviations) < 2
    assert np.mean(deviations) > 0.01


def test_a_sampled_row_is_the_mean_of_its_queries_and_has_an_error() -> None:
    (layer,) = random_layers(1, 40)
    sampled = layer["query"][:, :, ::5]
    row, error = mean_row_and_error(sampled, layer["key"], 1.0)
    np.testing.assert_allclose(row, mean_row(sampled, layer["key"], 1.0), atol=1e-6)
    halves = [mean_row(sampled[:, :, n::2], layer["key"], 1.0).mean(1) for n in range(2)]
    np.testing.assert_allclose(error, (halves[0] - halves[1]).abs().sum(-1) / 2, rtol=1e-5)


@pytest.mark.parametrize("piece", [1 << 20, 700])
def test_rows_and_head_mean_equal_those_of_full_matrices(piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ops, "_CPU_CHUNK", piece)
    (layer,) = random_layers(1, 40)
    whole = (layer["query"] @ layer["key"].transpose(2, 3)).softmax(-1)
    row, mean = mean_row_and_head_mean(layer["query"], layer["key"], 1.0)
    np.testing.assert_allclose(row, whole.mean(2), atol=1e-6)
    np.testing.assert_allclose(mean, whole.mean(1), atol=1e-6)
    flow = torch.rand(1, 3, 40)
    np.testing.assert_allclose(carry_rows(flow, layer["query"], layer["key"], 1.0), flow @ whole.mean(1), atol=1e-5)


@pytest.mark.parametrize("family", SAMPLING)
def test_sampling_all_queries_is_exact(family: str, sample_queries: Any) -> None:
    model = tiny_video_model(family)
    exact = record_one(model, ALL_NEEDS)
    assert dict(exact.sampling_errors) == {}
    sample_queries(10_000)
    clip_record = record_one(model, ALL_NEEDS)
    assert {
        "rollout",
        "value_rollout",
        "contribution_rollout",
        "gradient_rollout",
    } <= clip_record.sampling_errors.keys()
    for name, array in vars(exact).items():
        if isinstance(array, np.ndarray):
            np.testing.assert_allclose(getattr(clip_record, name), array, rtol=1e-3, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("family", SAMPLING)
def test_exact_reads_every_query(family: str, sample_queries: Any) -> None:
    model = tiny_video_model(family)
    needs = [METHODS["staa"].needs({"exact": exact}) | Needs(rows=True) for exact in (True, False)]
    reference = record_one(model, needs[0])
    sample_queries(4)
    exact, sampled = (record_one(model, one_needs) for one_needs in needs)
    np.testing.assert_allclose(exact.rollout, reference.rollout, atol=1e-5)
    np.testing.assert_allclose(exact.rows, reference.rows, atol=1e-6)
    assert dict(exact.sampling_errors) == {}
    assert np.abs(sampled.rollout - reference.rollout).max() > 1e-4
    assert 0 < sampled.sampling_errors["rollout"] < 1
    # Rows are estimated only if the classifier reads the mean of all tokens.
    mean_pooled = getattr(model.family.make_reader(model.module, model.geometry, Needs()), "mean_pooled", False)
    assert ("rows" in sampled.sampling_errors) == mean_pooled
    if not mean_pooled:
        np.testing.assert_allclose(sampled.rows, reference.rows, atol=1e-6)


@pytest.mark.parametrize("family", SAMPLING)
def test_gradients_are_never_sampled(family: str, sample_queries: Any) -> None:
    reference = record_one(tiny_video_model(family), Needs(gradients=True, relevance=True))
    sample_queries(4)
    clip_record = record_one(tiny_video_model(family), Needs(gradients=True, relevance=True))
    np.testing.assert_allclose(clip_record.gradient_rows, reference.gradient_rows, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(clip_record.relevance, reference.relevance, rtol=1e-4, atol=1e-7)
    assert dict(clip_record.sampling_errors) == {}


@pytest.mark.parametrize("family", SAMPLING)
def test_sampling_uses_no_random_numbers_and_does_not_depend_on_the_batch(family: str, sample_queries: Any) -> None:
    sample_queries(6)
    model, pixels, needs = tiny_video_model(family), random_pixels(3), METHODS["staa_logit"].needs()
    state = torch.get_rng_state()
    batch: list[Any] = record(model, pixels, needs, [1, 2, 3])
    assert torch.equal(torch.get_rng_state(), state)
    for i, batched in enumerate(batch):
        single: Any = record(model, pixels[i : i + 1], needs, [i + 1])[0]
        np.testing.assert_allclose(batched.rollout, single.rollout, atol=1e-5)
        np.testing.assert_allclose(batched.contribution_rollout, single.contribution_rollout, atol=1e-5)
        assert batched.sampling_errors == pytest.approx(single.sampling_errors, rel=1e-3)


def test_the_provenance_has_the_standard_errors_of_sampling(sample_queries: Any) -> None:
    def explain_errors(**params: Any) -> dict[str, Any]:
        e = explain(
            action_clip(1, size=48, fps=4),
            tiny_video_model("videomae"),
            cache=False,
            preview=False,
            progress=False,
            **params,
        )
        return dict(e.provenance["standard_errors"])

    assert explain_errors() == {}
    sample_queries(6)
    standard_errors = explain_errors()
    assert standard_errors.keys() == {"rows", "rollout"}
    assert 0 < standard_errors["rollout"] < 1
    assert explain_errors(exact=True) == {}


def count_bytes(clip_record: Record) -> int:
    """Bytes of attention in a record."""
    return sum(
        value.nbytes for name, value in vars(clip_record).items() if isinstance(value, np.ndarray) and name != "logits"
    )


def base_size_model(family: str, frames: int) -> tuple[VideoModel, int]:
    """A model with the tokens of a published one but narrow heads, and the bytes of its full matrices."""
    slim = {"hidden_size": 24, "intermediate_size": 8, "num_hidden_layers": 2, "num_labels": 3}
    architecture: Any = FAMILIES[family].architecture
    module = architecture(architecture.config_class(**slim, num_frames=frames)).eval()
    model = load_model(module, processor={"image_mean": 0.5, "image_std": 0.5})
    layout = model.geometry
    if family == "timesformer":  # Within frames, and over time.
        patches = layout.height * layout.width
        scores = frames * (1 + patches) ** 2 + patches * frames**2
    else:
        scores = query_sampling.count_tokens(layout) ** 2
    return model, 2 * 12 * scores * 4


@pytest.mark.parametrize(
    ("family", "frames", "max_share"), [("timesformer", 8, 0.05), ("vivit", 32, 0.01), ("videomae", 16, 0.01)]
)
def test_a_record_is_much_smaller_than_the_full_matrices(family: str, frames: int, max_share: float) -> None:
    """Twelve heads and the tokens of base-size models; record and matrices grow alike with layers."""
    model, matrix_bytes = base_size_model(family, frames)
    (clip_record,) = record(model, random_pixels(1, model=model), METHODS["staa"].needs(), [0])
    assert count_bytes(clip_record) <= max_share * matrix_bytes
