"""A forked child explains, or says within a second why it cannot."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from staa_widgets.errors import ForkedProcessError
from staa_widgets.models.capture import record
from staa_widgets.records.record import Needs
from tests.helpers.paths import ROOT
from tests.helpers.tiny import random_pixels, tiny_video_model

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

# In a process of its own, with two threads of torch, which has computed with both before it forks.
SCRIPT = """
import os, threading, time, warnings
warnings.simplefilter("ignore")
import numpy as np
import torch
torch.set_num_threads(2)
import staa_widgets as staa

clip, model = staa.action_clip(3, size=64, fps=8), staa.load_model("bundled/vivit")
expected = staa.explain(clip, model, "attention_gradient", cache=False).maps

def explain_in_child():
    child = os.fork()
    if not child:
        start = time.monotonic()
        try:
            for method in ("occlusion", "attention_gradient"):
                maps = staa.explain(clip, model, method, cache=False).maps
            same = np.allclose(maps, expected, rtol=1e-4, atol=1e-6)
            staa.explain(clip, staa.load_model())
            print("explained", torch.get_num_threads(), same, flush=True)
        except staa_errors.ForkedProcessError as error:
            print(type(error).__name__, "spawn" in str(error), time.monotonic() - start < 1, flush=True)
        finally:
            os._exit(0)
    deadline = time.monotonic() + 60
    while not os.waitpid(child, os.WNOHANG)[0]:
        if time.monotonic() > deadline:
            os.kill(child, 9)
        time.sleep(0.01)

import staa_widgets.errors as staa_errors
import staa_widgets.models.capture as capture
explain_in_child()
computing, finish = threading.Event(), threading.Event()
record = capture.record

def wait_inside(*arguments):
    computing.set()
    finish.wait(60)
    return record(*arguments)

capture.record = wait_inside
thread = threading.Thread(target=lambda: staa.explain(clip, model, cache=False))
thread.start()
computing.wait(60)
capture.record = record
explain_in_child()
finish.set()
thread.join()
explain_in_child()
"""


def test_a_forked_child_explains_unless_its_parent_was_computing(tmp_path: Path) -> None:
    process = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, "PYTHONPATH": str(ROOT), "STAA_CACHE": str(tmp_path), "OMP_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert process.stdout.splitlines() == [
        "explained 1 True",
        "ForkedProcessError True True",
        "explained 1 True",
    ], process.stderr


def test_cuda_in_a_forked_child_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "_is_in_bad_fork", lambda: True)
    model = replace(tiny_video_model("vivit"), device=torch.device("cuda"))
    with pytest.raises(ForkedProcessError, match=r"CUDA.*spawn"):
        record(model, random_pixels(1), Needs(), [None])
