import numpy as np
import pytest

from staa_widgets.errors import ParameterError, TooFewFramesError
from staa_widgets.video.sampling import Sample, sample_uniform, sample_windows, slice_spans

STEADY = np.arange(100) / 25
UNEVEN = np.cumsum(np.r_[0.0, np.tile([0.02, 0.05, 0.09, 0.04], 25)])


def list_indices(sample: Sample) -> list[int]:
    return sample.indices.tolist()


def test_uniform_takes_the_middle_of_equal_parts():
    assert list_indices(sample_uniform(STEADY, 8)) == [6, 18, 31, 43, 56, 68, 81, 93]
    assert list_indices(sample_uniform(STEADY, 1)) == [50]
    assert list_indices(sample_uniform(STEADY[:8], 8)) == list(range(8))


@pytest.mark.parametrize("n", [1, 3, 8, 99, 100])
def test_uniform_follows_its_formula_and_gives_each_frame_once(n):
    sample = sample_uniform(STEADY, n)
    assert list_indices(sample) == [int((i + 0.5) * 100 / n) for i in range(n)]
    assert len(set(list_indices(sample))) == n


def test_samples_have_the_times_of_their_frames():
    for sample in (sample_uniform(UNEVEN, 8), *sample_windows(UNEVEN, 8, 4, 8.0)):
        assert np.array_equal(sample.times, UNEVEN[sample.indices])
        assert sample.indices.dtype == np.int64
        assert sample.times.dtype == np.float64


def test_windows_keep_their_rate_at_any_frame_rate():
    assert np.diff(sample_windows(STEADY, 8, 8, 5.0)[0].times) == pytest.approx(0.2)
    steps = np.diff(sample_windows(UNEVEN, 8, 8, 5.0)[0].times)
    assert np.all(np.abs(steps - 0.2) <= 0.09)
    assert steps.mean() == pytest.approx(0.2, abs=0.02)


def test_windows_above_the_frame_rate_take_every_frame_once():
    assert np.all(np.diff(sample_windows(STEADY, 20, 20, 400.0)[0].indices) == 1)


def test_windows_overlap_on_the_same_frames_and_end_with_the_clip():
    windows = sample_windows(STEADY, 8, 6, 5.0)
    assert [list_indices(w)[0] for w in windows] == [2, 32, 62]
    assert windows[0].indices[6:].tolist() == windows[1].indices[:2].tolist()
    assert list_indices(windows[-1])[-1] == 97
    assert all(len(set(list_indices(w))) == 8 for w in windows)


def test_windows_cover_every_sampled_frame():
    for stride in (1, 3, 8):
        sampled = {i for w in sample_windows(STEADY, 8, stride, 10.0) for i in list_indices(w)}
        assert len(sampled) == 40


def test_a_clip_of_one_window_has_one():
    assert len(sample_windows(STEADY[:40], 8, 8, 5.0)) == 1


@pytest.mark.parametrize(
    "sample",
    [lambda t: sample_uniform(t, 8), lambda t: sample_windows(t, 8, 4, 25.0)],
)
def test_too_few_frames_are_refused_with_both_numbers(sample):
    with pytest.raises(TooFewFramesError, match=r"7 frames.* 8 are needed"):
        sample(STEADY[:7])


@pytest.mark.parametrize(
    "sample",
    [
        lambda: sample_uniform(STEADY, 0),
        lambda: sample_windows(STEADY, 4, 4, 0.0),
        lambda: sample_windows(STEADY, 4, 4, float("nan")),
        lambda: sample_windows(STEADY, 4, 0, 5.0),
        lambda: sample_windows(STEADY, 4, 5, 5.0),
    ],
)
def test_parameters_out_of_range_are_refused(sample):
    with pytest.raises(ParameterError):
        sample()


def test_spans_cut_at_the_midpoints_and_tile_the_range():
    assert slice_spans([1.0, 2.0, 4.0], 0.5, 5.0).tolist() == [[0.5, 1.5], [1.5, 3.0], [3.0, 5.0]]
    assert slice_spans([1.0, 2.0, 4.0, 4.5], 0.0, 5.0, group=2).tolist() == [[0.0, 3.0], [3.0, 5.0]]
    assert slice_spans([1.0], 0.0, 5.0).tolist() == [[0.0, 5.0]]


@pytest.mark.parametrize("group", [1, 2, 4])
def test_spans_of_any_sample_tile_the_clip(group):
    sample = sample_uniform(UNEVEN, 8)
    spans = slice_spans(sample.times, 0.0, 6.0, group)
    assert spans.shape == (8 // group, 2)
    assert spans[0, 0] == 0.0
    assert spans[-1, 1] == 6.0
    assert np.array_equal(spans[1:, 0], spans[:-1, 1])
    assert np.all(spans[:, 0] <= sample.times[::group])
    assert np.all(sample.times[group - 1 :: group] < spans[:, 1])


@pytest.mark.parametrize(
    ("times", "group"), [([], 1), ([1.0, 2.0, 3.0], 2), ([2.0, 1.0], 1), ([1.0, 1.0], 1), ([1.0, 9.0], 1), ([[1.0]], 1)]
)
def test_spans_refuse_times_that_do_not_rise_within_the_range(times, group):
    with pytest.raises(ParameterError):
        slice_spans(times, 0.5, 5.0, group)
