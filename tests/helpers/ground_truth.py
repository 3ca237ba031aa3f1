"""Ground truth of a small clip of four frames."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

WHERE = np.array(
    [
        [[0, 0, 0, 0], [0, 0, 0, 0]],
        [[0, 1, 1, 0], [0, 0, 1, 0]],
        [[0, 0, 0, 1], [1, 0, 0, 1]],
        [[0, 0, 0, 0], [0, 0, 0, 0]],
    ],
    bool,
)


class LabeledFrames(NamedTuple):
    """Label and masks of a clip, as a user gives them."""

    label: str
    where: NDArray[np.bool_]
    when: NDArray[np.bool_]


KNOWN = LabeledFrames("wave", WHERE, np.array([False, True, True, False]))
