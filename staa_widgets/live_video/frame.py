"""`LiveFrame`: a frame of a live source, with the time at which it was captured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class LiveFrame:
    """A frame of a live source.

    Parameters
    ----------
    number
        Number of the frame, counted over all frames that the source offered.
    time
        Second at which it was captured, since the session began.
    image
        RGB uint8 ``(height, width, 3)``.
    """

    number: int
    time: float
    image: NDArray[np.uint8]
