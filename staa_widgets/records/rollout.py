"""`rollout_weights`: how to read the coefficients of a rollout for a share of attention."""

from __future__ import annotations

from math import comb

import numpy as np
from numpy.typing import NDArray


def rollout_weights(count: int, share: float) -> NDArray[np.float32]:
    """Return the weight of each coefficient of a rollout, float32 ``(n,)``, with sum 1.

    A rollout through ``m = n - 1`` steps, each of which is attention by the share ``a`` and residual by ``1 - a``, is a
    polynomial in ``a``. It is stored in Bernstein form: coefficient ``i`` is the mean flow over all ways in which ``i``
    of the steps are attention, and has the weight ``C(m, i) a^i (1 - a)^(m - i)``. Coefficients and weights are never
    negative, so that nothing cancels out, however many steps there are.

    Parameters
    ----------
    count
        Number of coefficients, ``n``.
    share
        Share of attention, ``a``, from 0 to 1.
    """
    steps = count - 1
    weights = [comb(steps, i) * share**i * (1 - share) ** (steps - i) for i in range(count)]
    return np.array(weights, np.float32)
