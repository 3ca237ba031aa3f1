"""Wrapped classifiers: methods without attention work, and digests tell different modules apart."""

from __future__ import annotations

import functools
import threading
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import staa_widgets as staa
from staa_widgets.errors import ModelError, ModelLoadError, ParameterError, UnsupportedModelError
from staa_widgets.errors import UnsupportedRequestError as Unsupported
from staa_widgets.methods import METHODS
from staa_widgets.models import Transform, load_model, model_digest
from staa_widgets.models.capture import open_classifier, record
from staa_widgets.models.video_model import VideoModel
from staa_widgets.records.record import Needs
from staa_widgets.widget.payload import pack
from tests.helpers.records import module_state
from tests.helpers.wrapped_model import LABELS, Corner, video, wrap

QUIET: dict[str, Any] = {"cache": False, "preview": False, "progress": False}


def single_cell_mask(cell: tuple[int, int, int]) -> np.ndarray:
    mask = np.zeros((2, 2, 2), bool)
    mask[cell] = True
    return mask


@pytest.mark.parametrize("method", ["occlusion", "saliency", "input_x_gradient", "integrated_gradients"])
@pytest.mark.parametrize(("label", "cell"), [("left", (1, 0, 0)), ("right", (0, 1, 1))])
def test_maps_show_the_deciding_cell_only(method: str, label: str, cell: tuple[int, int, int]) -> None:
    params = {"filler": "median"} if method == "occlusion" else {}
    e = staa.explain(video(), wrap(Corner()), method, target=label, **params, **QUIET)
    np.testing.assert_array_equal(np.abs(e.maps) > 1e-6, single_cell_mask(cell))
    assert e.attention is None
    assert e.labels == LABELS
    assert e.model_id == "Corner"


@pytest.mark.parametrize("layout", ["bcthw", "btchw"])
def test_both_layouts_get_their_axis_order(layout: Any) -> None:
    frames = video()
    model = wrap(Corner(layout), layout=layout)
    e = staa.explain(frames, model, "uniform", **QUIET)
    gray = frames.astype(np.float64).mean(-1) / 255
    np.testing.assert_allclose(e.logits, [2 * gray[2:, :8, :8].mean(), 2 * gray[:2, 8:, 8:].mean(), 0], rtol=1e-5)


@pytest.mark.parametrize(
    "shape",
    [
        lambda logits: logits,
        lambda logits: SimpleNamespace(logits=logits),
        lambda logits: {"logits": logits, "features": None},
        lambda logits: (logits, None),
        lambda logits: [logits],
    ],
    ids=["tensor", "object", "mapping", "tuple", "list"],
)
def test_logits_are_accepted_in_every_form(shape: Any) -> None:
    module = Corner().eval()
    clip = torch.rand(1, 4, 3, 16, 16)
    (expected,) = record(wrap(module), clip, Needs(), [None])
    (clip_record,) = record(wrap(lambda clips: shape(module(clips))), clip, Needs(), [None])
    np.testing.assert_array_equal(clip_record.logits, expected.logits)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda clips: clips.mean((1, 2, 3, 4)), r"shape \(1,\), not logits of shape \(1, 3\)"),
        (lambda clips: torch.zeros(len(clips), 2), r"shape \(1, 2\), not"),
        (lambda clips: torch.zeros(4, 3), r"shape \(4, 3\), not"),
        (lambda clips: "left", "a str"),
        (lambda clips: {"scores": clips}, "a dict"),
    ],
)
def test_outputs_that_are_not_logits_are_refused(model: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        staa.explain(video(), wrap(model), "uniform", **QUIET)


ATTENTION = [name for name, method in METHODS.items() if method.reads_attention or method.reads_layers]
"""Methods that read attention or layers; `Corner` has neither."""


@pytest.mark.parametrize("name", METHODS)
def test_methods_compute_maps_or_are_refused(name: str) -> None:
    settings = dict(QUIET)
    if name in ATTENTION:
        with pytest.raises(Unsupported, match=r"(reads attention|blocks of this model are not known).*'occlusion'"):
            staa.explain(video(), wrap(Corner()), name, **settings)
        return
    e = staa.explain(video(), wrap(Corner()), name, **settings)
    assert e.maps.shape == (2, 2, 2)
    assert np.abs(e.maps).max() > 0


def test_the_player_lists_only_supported_methods() -> None:
    e = staa.explain(video(), wrap(Corner()), "occlusion", **QUIET)
    offered = {method["name"] for method in pack(e)[0]["methods"]}
    assert offered == set(METHODS) - set(ATTENTION)
    assert "occlusion" in offered
    assert pack(e)[0]["methods"][0]["name"] == "occlusion"
    assert list(staa.compare(video(), wrap(Corner()), cache=False, preview=False)) == ["occlusion", "motion_energy"]
    net = convolutions(by_frame=False, layers=())
    frames = np.random.default_rng(0).integers(60, 200, (8, 16, 16, 3), np.uint8)
    both = staa.compare(frames, net, cache=False, preview=False)
    assert list(both) == ["occlusion", "grad_cam", "motion_energy"]
    shown = [method["name"] for method in pack(both["motion_energy"])[0]["methods"]]
    assert shown[0] == "occlusion"
    assert "grad_cam" in shown
    bundled = staa.explain(staa.action_clip(1, size=48, fps=4), None, "uniform", **QUIET)
    public = {name for name, method in METHODS.items() if not method.exploratory}
    assert {method["name"] for method in pack(bundled)[0]["methods"]} == public


def test_explanations_of_wrapped_models_are_played_exported_and_saved(tmp_path: Path) -> None:
    clip = staa.action_clip(1, size=48, fps=4)
    e = staa.explain(clip, wrap(Corner(), size=32, patch=16), "occlusion", cache=False, progress=False)
    player = staa.Player(e)
    player.compute("saliency", target="right")
    assert (player.explanation.method, player.explanation.target) == ("saliency", 1)
    with pytest.raises(Unsupported):
        player.compute("staa")
    assert player.explanation.method == "saliency"
    player.close()
    assert b"occlusion" in e.to_html(tmp_path / "e.html").read_bytes()
    loaded = staa.Explanation.load(e.save(tmp_path / "e.safetensors"))
    np.testing.assert_array_equal(loaded.maps, e.maps)


def test_the_module_is_restored() -> None:
    module = nn.Sequential(Corner(), nn.Dropout(0.5)).train()
    module[1].eval()
    before = module_state(module)
    model = wrap(module)
    first = staa.explain(video(), model, "integrated_gradients", **QUIET)
    second = staa.explain(video(), model, "integrated_gradients", **QUIET)
    np.testing.assert_array_equal(first.maps, second.maps)  # Dropout is off.
    with pytest.raises(ModelError), open_classifier(wrap(module, labels=2)) as classify:
        classify(torch.rand(1, 4, 3, 16, 16))
    assert module_state(module) == before


@pytest.fixture
def is_cached(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Function that explains with a new cache and returns whether the result was a cache hit."""
    monkeypatch.setenv("STAA_CACHE", str(tmp_path / "cache"))

    def explain_and_check(model: Any) -> bool:
        e = staa.explain(video(), model, "occlusion", preview=False, progress=False)
        return e.provenance["cache"] == "hit"

    return explain_and_check


def test_the_digest_depends_on_weights_structure_and_code(is_cached: Any) -> None:
    assert not is_cached(wrap(Corner()))
    assert is_cached(wrap(Corner()))

    class Other(Corner):
        def forward(self, clips: Tensor) -> Tensor:
            return super().forward(clips).flip(1)

    Other.__name__, Other.__qualname__ = Corner.__name__, Corner.__qualname__
    changed = Corner()
    with torch.no_grad():
        changed.gain.add_(1)
    reordered = Corner()
    reordered.order = "btchw"
    others = [Other(), changed, reordered, nn.Sequential(Corner())]
    assert not any(is_cached(wrap(other)) for other in others)
    assert not is_cached(wrap(Corner("btchw"), layout="btchw"))
    assert not is_cached(wrap(Corner(), mean=(0.5, 0.5, 0.5)))
    assert not is_cached(wrap(Corner(), patch=4))
    assert is_cached(wrap(Corner(), labels=("a", "b", "c"), id="another name"))


def test_the_digest_depends_on_called_code(is_cached: Any) -> None:
    """The same class, but a function of its file was edited, as in a notebook."""

    def make_net(turn: str) -> nn.Module:
        scope: dict[str, Any] = {"torch": torch, "nn": nn, "__name__": "cells"}
        exec(
            "def turned(x):\n"
            f"    return {turn}\n"
            "class Net(nn.Module):\n"
            "    def forward(self, clips):\n"
            "        return turned(clips.mean((2, 3, 4)))\n",
            scope,
        )
        return scope["Net"]()

    assert not is_cached(wrap(make_net("2 * x")))
    assert is_cached(wrap(make_net("2 * x")))
    assert not is_cached(wrap(make_net("3 * x")))


def test_the_digest_depends_on_tensors_that_are_not_weights() -> None:
    one, two = Corner(), Corner()
    one.__dict__["kernel"], two.__dict__["kernel"] = torch.zeros(5000), torch.zeros(5000)
    assert model_digest(wrap(one)) == model_digest(wrap(two))
    two.__dict__["kernel"][2500] = 1
    assert model_digest(wrap(one)) != model_digest(wrap(two))


def net_from_source(*, code: str = "clips.mean((2, 3, 4))", before: str = "", **scope: Any) -> nn.Module:
    """A module whose class was defined by `exec`, as in a notebook."""
    scope |= {"torch": torch, "nn": nn, "np": np, "__name__": "cells"}
    exec(f"{before}\nclass Net(nn.Module):\n    def forward(self, clips):\n        return {code}\n", scope)
    return scope["Net"]()


def corner_with_attribute(value: Any) -> nn.Module:
    module = Corner()
    module.held = value
    return module


def net_with_closure(value: Any, *, graded: bool = True) -> nn.Module:
    class Net(nn.Module):
        def forward(self, clips: Tensor) -> Tensor:
            return clips.mean((2, 3, 4)) * value

    if not graded:
        Net.forward = torch.no_grad()(Net.forward)
    return Net()


def corner_with_partial_forward(value: float) -> nn.Module:
    module = Corner()
    module.forward = functools.partial(lambda clips, by: by * clips.mean((2, 3, 4)), by=value)
    return module


class Settings:
    """An object in an attribute of a module."""

    def __init__(self, gain: float) -> None:
        self.gain = gain


class Slotted:
    __slots__ = ("gain",)

    def __init__(self, gain: float) -> None:
        self.gain = gain


def wide(middle: float) -> np.ndarray:
    """An array so large that its ``repr`` omits the middle value."""
    array = np.zeros((64, 64))
    array[32, 32] = middle
    return array


MODULE_MAKERS = {
    "closure": net_with_closure,
    "decorated": functools.partial(net_with_closure, graded=False),
    "closure over a dict": lambda k: net_with_closure({"k": [k]}),
    "array": lambda k: corner_with_attribute(wide(k)),
    "arrays in containers": lambda k: corner_with_attribute({"a": [(wide(k),)]}),
    "tensor in a list": lambda k: corner_with_attribute([torch.full((2000,), k)]),
    "set": lambda k: corner_with_attribute({k, "a", "b"}),
    "object": lambda k: corner_with_attribute(Settings(k)),
    "slots": lambda k: corner_with_attribute([Slotted(k)]),
    "module in a list": lambda k: corner_with_attribute([nn.Dropout(abs(k + 2) / 4)]),
    "partial": corner_with_partial_forward,
    "global dict": lambda k: net_from_source(code="table['k'] * clips.mean((2, 3, 4))", table={"k": k}),
    "global array": lambda k: net_from_source(code="table.sum() * clips.mean((2, 3, 4))", table=wide(k)),
    "default": lambda k: net_from_source(
        code="f(clips)", before=f"def f(x, k=[{k}]):\n    return k[0] * x.mean((2, 3, 4))"
    ),
    "lambda in a dict": lambda k: corner_with_attribute({"act": lambda x: x * k}),
}


@pytest.mark.parametrize("make", MODULE_MAKERS.values(), ids=MODULE_MAKERS)
def test_the_digest_depends_on_attributes_globals_and_closures(make: Any) -> None:
    assert model_digest(wrap(make(1.0))) == model_digest(wrap(make(1.0)))
    assert model_digest(wrap(make(1.0))) != model_digest(wrap(make(-1.0)))


def test_the_digest_depends_on_changes_after_wrapping() -> None:
    table = {"k": 1.0}
    model = wrap(net_from_source(code="table['k'] * clips.mean((2, 3, 4))", table=table))
    before = model_digest(model)
    assert model_digest(model) == before
    table["k"] = -1.0
    assert model_digest(model) != before


OPAQUE_MODULE_MAKERS = {
    "lock": lambda: corner_with_attribute(threading.Lock()),
    "own file": lambda: net_from_source(code="own.f(clips)", own=ModuleType("own")),
    "import": lambda: net_from_source(code="f(clips)", before="def f(x):\n    import own\n    return own.f(x)"),
    "generator": lambda: net_with_closure(i for i in range(3)),
    "deep": lambda: corner_with_attribute(functools.reduce(lambda inner, _: [inner], range(5000), [])),
}


@pytest.mark.parametrize("make", OPAQUE_MODULE_MAKERS.values(), ids=OPAQUE_MODULE_MAKERS)
def test_modules_that_cannot_be_hashed_never_share_a_digest(make: Any) -> None:
    model = wrap(make())
    before = model_digest(model)
    assert model_digest(model) == before != model_digest(wrap(make()))
    vars(model.module.inner)["extra"] = 1  # Other attributes still count.
    assert model_digest(model) != before


def test_the_digest_depends_on_patched_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    before = model_digest(wrap(nn.Sequential(nn.Softplus())))
    assert model_digest(wrap(nn.Sequential(nn.Softplus()))) == before
    monkeypatch.setattr(nn.Softplus, "forward", lambda self, x: -x)
    assert model_digest(wrap(nn.Sequential(nn.Softplus()))) != before


def test_a_function_has_the_same_digest_only_while_wrapped(is_cached: Any) -> None:
    module = Corner().eval()

    def answer(clips: Tensor) -> Tensor:
        return module(clips)

    model = wrap(answer)
    assert not is_cached(model)
    assert is_cached(model)
    # Whether two functions compute the same cannot be checked.
    for function in (answer, functools.partial(answer), module.forward):
        assert not is_cached(wrap(function))
    assert wrap(answer).id == "answer"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layout": "thwc"}, "no layout 'thwc'"),
        ({"frames": 0}, "frames must be .*, got 0"),
        ({"frames": 5}, "frames=5 is not divisible by 2"),
        ({"patch": 5}, "height=16 is not divisible by 5"),
        ({"patch": (8, 3)}, "width=16 is not divisible by 3"),
        ({"size": (16, 16, 3)}, "size must be"),
        ({"size": -1}, "size must be .*, got -1"),
        ({"labels": ()}, "labels must not be empty"),
        ({"mean": (0.5,)}, "mean must be"),
        ({"mean": 0.5}, "mean must be .*, got 0.5"),
        ({"std": "no"}, "std must be .*, got 'no'"),
        ({"size": 32.0}, "size must be .*, got 32.0"),
        ({"size": (16, True)}, "size must be .*, got True"),
        ({"patch": 8.0}, "patch must be .*, got 8.0"),
        ({"frames": 4.0}, "frames must be .*, got 4.0"),
        ({"tubelet": None}, "tubelet must be .*, got None"),
        ({"labels": 2.5}, "labels must be .*, got 2.5"),
    ],
)
def test_invalid_arguments_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        wrap(Corner(), **changes)


def test_numpy_numbers_are_accepted() -> None:
    two, sixteen = np.int64(2), np.int32(16)
    model = wrap(Corner(), frames=two, tubelet=two, size=sixteen, patch=np.array([8, 8]), labels=np.int64(3))
    assert model.geometry == wrap(Corner(), frames=2).geometry
    assert model.labels == ("0", "1", "2")
    assert type(model.geometry.frames) is type(model.geometry.input_size[0]) is int
    assert wrap(Corner(), mean=np.full(3, 0.5)).transform == wrap(Corner(), mean=(0.5, 0.5, 0.5)).transform


@pytest.mark.parametrize("config", [{"depth": 2}, ("depth", 2), SimpleNamespace(depth=2), "depth 2"], ids=repr)
def test_an_unrelated_config_attribute_is_ignored(config: Any) -> None:
    module = Corner()
    module.config = config
    e = staa.explain(video(), wrap(module), "occlusion", **QUIET)
    np.testing.assert_array_equal(e.maps, staa.explain(video(), wrap(Corner()), "occlusion", **QUIET).maps)


def test_a_model_that_is_not_callable_is_refused() -> None:
    with pytest.raises(ParameterError, match="got str"):
        wrap("facebook/some-model")


def test_defaults_and_processors() -> None:
    model = wrap(Corner(), size=(112, 90), patch=None, tubelet=1, labels=3)
    layout = model.geometry
    assert (layout.slices, layout.height, layout.width, layout.input_size) == (4, 7, 6, (112, 90))
    assert model.labels == ("0", "1", "2")
    assert model.transform == Transform(shortest_edge=90, crop=(112, 90))
    transform = Transform(size=(16, 16), mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    settings = {"size": {"height": 16, "width": 16}, "do_center_crop": False}
    for processor in (transform, settings):
        assert wrap(Corner(), processor=processor).transform == transform
    with pytest.raises(ModelLoadError, match="outputs frames of 32x32, but the model expects 16x16"):
        wrap(Corner(), processor=Transform(size=(32, 32)))


def test_a_half_precision_model_gets_half_precision_input() -> None:
    model = wrap(Corner().to(torch.bfloat16))
    assert model.dtype == torch.bfloat16
    e = staa.explain(video(), model, "input_x_gradient", target="left", **QUIET)
    np.testing.assert_array_equal(np.abs(e.maps) > 1e-6, single_cell_mask((1, 0, 0)))


def test_the_error_for_an_unknown_module_suggests_wrap_model() -> None:
    with pytest.raises(UnsupportedModelError, match=r"Corner, which is not supported.*wrap_model"):
        load_model(Corner())


class Convolutions(nn.Module):
    """A convolution with one channel of ones and one of minus ones, then the mean."""

    def __init__(self, *, by_frame: bool = False) -> None:
        super().__init__()
        self.by_frame = by_frame
        self.conv: nn.Module = nn.Conv2d(3, 2, 4, 4, bias=False) if by_frame else nn.Conv3d(3, 2, 4, 4, bias=False)
        with torch.no_grad():
            weight = self.conv.get_parameter("weight")
            weight[0], weight[1] = 1, -1
        self.relu = nn.ReLU(inplace=True)

    def forward(self, clips: Tensor) -> Any:
        features = self.relu(self.conv(clips.flatten(0, 1) if self.by_frame else clips))
        dims = (-2, -1) if self.by_frame else (-3, -2, -1)
        scores = features.mean(dims)
        scores = scores.unflatten(0, (len(clips), -1)).mean(1) if self.by_frame else scores
        return {"scores": scores, "features": features}


def convolutions(*, by_frame: bool, layers: tuple[str, ...]) -> VideoModel:
    return staa.wrap_model(
        Convolutions(by_frame=by_frame),
        frames=8,
        size=16,
        labels=2,
        layout="btchw" if by_frame else "bcthw",
        output="scores",
        layers=layers,
        tubelet=1 if by_frame else 4,
        patch=4,
    )


@pytest.mark.parametrize("layers", [("conv",), ()], ids=["named", "found"])
@pytest.mark.parametrize("by_frame", [False, True])
def test_grad_cam_of_feature_maps_by_hand(by_frame: bool, layers: tuple[str, ...]) -> None:
    """The mean gradient of the first channel is positive and that of the second is zero: the map is the first one."""
    frames = np.zeros((8, 16, 16, 3), np.uint8)
    frames[4:, 8:12, 4:8] = 255
    model = convolutions(by_frame=by_frame, layers=layers)
    e = staa.explain(frames, model, "grad_cam", target=0, **QUIET)
    expected = np.zeros((8, 4, 4) if by_frame else (2, 4, 4))
    expected[len(expected) // 2 :, 2, 1] = 1
    np.testing.assert_allclose(e.maps, expected / expected.sum(), atol=1e-6)
    assert staa.explain(frames, model, **QUIET).method == "occlusion"


def test_where_the_logits_are_can_be_told() -> None:
    module = Corner().eval()
    clip = torch.rand(1, 4, 3, 16, 16)
    (expected,) = record(wrap(module), clip, Needs(), [None])
    outputs: list[tuple[Any, Any]] = [
        (lambda logits: {"logits": None, "scores": logits}, "scores"),
        (lambda logits: SimpleNamespace(scores=logits), "scores"),
        (lambda logits: (None, logits), lambda output: output[1]),
    ]
    for shape, output in outputs:
        model = wrap(lambda clips, shape=shape: shape(module(clips)), output=output)
        (clip_record,) = record(model, clip, Needs(), [None])
        np.testing.assert_array_equal(clip_record.logits, expected.logits)
    wrong = wrap(lambda clips: {"a": module(clips)}, output="b")
    with pytest.raises(ModelError, match="no 'b': it has a"):
        record(wrong, clip, Needs(), [None])


def test_layers_that_do_not_exist_or_give_no_feature_maps_are_refused() -> None:
    with pytest.raises(ParameterError, match="no layer 'layer4'") as caught:
        wrap(Convolutions(), layers=["layer4"])
    assert "conv, relu" in caught.value.hint
    with pytest.raises(ParameterError, match="no layer 'conv'"):
        wrap(lambda clips: clips, layers=["conv"])
    flat = nn.Sequential(nn.Flatten(), nn.Linear(4 * 3 * 16 * 16, 3))
    with pytest.raises(Unsupported, match=r"The layer Linear gives \(1, 3\), not one feature map"):
        staa.explain(video(), wrap(flat, layers=["1"]), "grad_cam", **QUIET)
