"""Frames in memory of any type, shape, stride and value, and rates, times and ranges that make no sense."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import staa_widgets as staa
from staa_widgets.utils.text import quote_value
from tests.fuzz.driver import Case, Driver, RunCase
from tests.fuzz.videos import check_clip

_SIDES = (0, 1, 2, 3, 4, 5, 7, 16, 33)
_TYPES = (
    *["u1"] * 12, *["f4"] * 6, "f2", "f8", "?", "i1", "i2", ">i2", ">f4", "u2", "i8", "u8", "c8", "O", "U3", "S2",
    "M8[s]", "m8[s]",
)  # fmt: skip
_NUMBERS: tuple[Any, ...] = (
    None, 25, 25.0, "25", "fast", 0, -1, 1e-310, 1e308, 10**400, -(10**400), float("nan"), float("inf"), True, 3 + 0j,
    Decimal(25), Fraction(25, 1), np.float32(25), np.array(25), np.array([25, 30]), [25], b"25", object(), 1, 2, 0.5,
)  # fmt: skip
_VALUES = (np.nan, np.inf, -np.inf, 1e30, -1e-7, 255.0, 1.0000001, -0.0, 5e-324)


@contextmanager
def start(folder: Path) -> Iterator[RunCase]:
    """Load the model, once."""
    from tests.helpers.timesformers import tiny_timesformer_model

    tiny_timesformer_model()
    yield run


def run(case: Case) -> str:
    """Open an input in memory, and check its frames."""
    source, expected = make_input(case)
    options = {name: case.pick(_NUMBERS) for name in ("fps", "start", "end", "max_side") if case.chance(0.15)}
    if case.chance(0.15):
        options["times"] = make_times(case)
    case.note({name: quote_value(value, 60) for name, value in options.items()})
    clip = staa.open_clip(source, **options)
    # Only a cut and a reduction change the frames.
    expected = None if options.keys() & {"start", "end", "max_side"} else expected
    if not options.keys() & {"start", "end"}:
        check_clip(clip)
    count = min(len(clip), 64)
    for index, frame in enumerate(clip.iter_frames(np.arange(count))):
        assert frame.shape == (clip.height, clip.width, 3), f"a frame of shape {frame.shape}"
        assert frame.dtype == np.uint8, f"a frame of type {frame.dtype}"
        if expected is not None:
            np.testing.assert_array_equal(frame, expected[index])
    if expected is not None:
        np.testing.assert_array_equal(clip.frames([0])[0], expected[0])
    assert len(clip.sha256) == 64, "no digest"
    if case.chance(0.1) and clip.width * clip.height < 10_000:
        from tests.helpers.timesformers import tiny_timesformer_model

        e = staa.explain(clip, tiny_timesformer_model(), cache=False)
        assert np.isfinite(e.maps).all(), "maps are not finite"
        return "explained"
    return "read" if expected is None else "read, and compared"


def make_input(case: Case) -> tuple[Any, NDArray[np.uint8] | None]:
    """Return an input, and the frames that it must give; ``None`` if it may be read in several ways or refused."""
    kind = case.pick(["array"] * 16 + ["huge view", "tensor", "tensor", "list", "list", "other"])
    if kind == "huge view":
        shape = case.pick([(10**5, 64, 64, 3), (2, 10**6, 10**6, 3), (10**9, 1, 1, 3), (2**40, 1, 1, 3)])
        case.note(f"view of {shape}")
        # A view takes no memory, but reading it does: it is refused, or read frame by frame.
        return (BroadcastArray if case.chance(0.5) else np.broadcast_to)(np.uint8(7), shape), None
    if kind == "other":
        source = case.pick(
            [None, 5, {}, {"bytes": None}, {"path": 5}, {"bytes": "x"}, [], [[]], [None], ["a"], set(), object(), (),
             "", "\0", [[[[1, 2, 3]]]], iter([]),
             int, np.ma.zeros((2, 4, 4, 3), "u1"), range(5), np.float32(3), [np.nan],
             {"path": None}, b"", "http://example.org/a.mp4", "file://", "s3://bucket/x.mp4", "~nouser/clip.mp4"]
        )  # fmt: skip
        case.note(quote_value(source, 60))
        return source, None
    array, expected = make_array(case)
    if kind == "array":
        return array, expected
    if kind == "tensor":
        return make_tensor(case, array), None
    case.note("list")
    if case.chance(0.5) and array.dtype == np.uint8 and array.ndim == 4 and array.shape[-1] in (3, 4) and array.size:
        mode = case.pick(["RGB", "L", "P", "1", "CMYK", "F", "I;16", "LA", "RGBA"])
        pictures = [Image.fromarray(frame[..., :3]).convert("RGB") for frame in array]
        if mode == "RGB":
            return pictures, array[..., :3]
        case.note(mode)
        return [picture.convert(mode.replace("I;16", "I")) for picture in pictures], None
    frames: list[Any] = [*array] if array.ndim else [array]
    if frames and case.chance(0.3):
        frames[-1] = case.pick([None, frames[0][:1] if np.ndim(frames[0]) else 0, "frame.png", 5])
        case.note("one frame is another")
    return frames, None


class BroadcastArray:
    """Object that numpy reads as one value repeated in a large array."""

    def __init__(self, value: Any, shape: tuple[int, ...]) -> None:
        self.array = np.broadcast_to(value, shape)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return self.array


def make_array(case: Case) -> tuple[NDArray[Any], NDArray[np.uint8] | None]:
    """Return an array, and the frames that it must give, see `expected_frames`."""
    dims = case.pick([4] * 24 + [0, 1, 2, 3, 3, 5])
    shape = tuple(case.pick(_SIDES) for _ in range(dims))
    if dims == 4 and case.chance(0.7):
        shape = (case.pick([1, 5, 9]), case.pick([5, 16, 33]), case.pick(_SIDES[1:]), case.pick([3, 3, 3, 4, 1]))
    dtype = np.dtype(case.pick(_TYPES))
    integers = np.asarray(case.random.integers(0, 256, shape))
    if dtype.kind == "f":
        array = (integers / 255).astype(dtype)
        if case.chance(0.4) and array.size:
            with np.errstate(over="ignore"):
                array.flat[case.number(0, array.size)] = np.float64(case.pick(_VALUES)).astype(dtype)
    elif dtype.kind in "OUSMm":
        array = integers.astype("i8").astype(dtype) if dtype.kind in "Mm" else integers.astype(dtype)
    else:
        with np.errstate(all="ignore"):
            array = integers.astype(dtype)
    layout = case.pick(
        ["as it is", "as it is", "as it is", "reversed", "Fortran", "every second", "read only", "transposed"]
    )
    if layout == "reversed":
        array = np.asarray(array[tuple(slice(None, None, -1) for _ in shape)])
    elif layout == "Fortran":
        array = np.asfortranarray(array)
    elif layout == "every second" and dims:
        array = np.repeat(array, 2, axis=0)[::2]
    elif layout == "read only" and dims:
        array.flags.writeable = False
    elif layout == "transposed" and dims == 4:
        array = array.transpose(0, 3, 1, 2)
    case.note(f"{dtype.str} {array.shape} {layout}")
    return array, expected_frames(array)


def expected_frames(array: NDArray[Any]) -> NDArray[np.uint8] | None:
    """Return RGB frames of an array with channels last; ``None`` if its axes or values can be read in several ways."""
    if array.ndim != 4 or array.size == 0 or array.shape[3] not in (3, 4) or array.shape[1] in (1, 3, 4):
        return None
    if array.dtype == np.uint8:
        return array[..., :3]
    if array.dtype.kind == "f" and bool(((array[..., :3] >= 0) & (array[..., :3] <= 1)).all()):
        return np.round(array[..., :3].astype(np.float32) * 255).astype(np.uint8)
    return None


def make_tensor(case: Case, array: NDArray[Any]) -> Any:
    """Return a tensor of torch of one of its unusual kinds."""
    import torch

    case.note("tensor")
    try:
        tensor = torch.from_numpy(np.ascontiguousarray(array))
    except (TypeError, ValueError):  # torch has no such type
        tensor = torch.zeros(2, 4, 5, 3)
    kind = case.pick(["plain", "bfloat16", "gradient", "meta", "sparse", "quantized", "complex", "half", "nested"])
    case.note(kind)
    if kind == "plain":
        return tensor
    floats = tensor.float() if not tensor.is_complex() else tensor.real.float()
    return {
        "bfloat16": lambda: floats.bfloat16(),
        "gradient": lambda: floats.requires_grad_(),
        "meta": lambda: floats.to("meta"),
        "sparse": lambda: floats.to_sparse(),
        "quantized": lambda: torch.quantize_per_tensor(floats, 0.1, 0, torch.quint8),
        "complex": lambda: floats.to(torch.complex64),
        "half": lambda: floats.half(),
        "nested": lambda: torch.nested.nested_tensor([floats, floats]),
    }[kind]()


def make_times(case: Case) -> Any:
    """Return times of frames, most of which make no sense."""
    count = case.number(0, 10)
    times: Any = np.cumsum(case.random.random(count))
    return case.pick(
        [times, times[::-1], times * np.nan, times * 1e300, [*times], "times", [None] * count, 5, np.zeros(count),
         times[None], [10**400] * count, times.astype("O"), [], {}, times + 1j, times - 1e6, range(count)]
    )  # fmt: skip


DRIVER = Driver("arrays", "arrays, tensors, lists, rates and times", start)
