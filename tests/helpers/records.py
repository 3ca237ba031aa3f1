"""Comparing records of a pass, and the state of the module that it ran through."""

from __future__ import annotations

from typing import Any

import numpy as np

from staa_widgets.records.record import Record


def record_arrays(record: Record) -> dict[str, np.ndarray]:
    """Return the arrays of a record by the names of their fields."""
    return {name: value for name, value in vars(record).items() if isinstance(value, np.ndarray)}


def assert_records_close(actual: Record, expected: Record) -> None:
    """Assert that two records hold the same arrays, up to rounding.

    How a processor rounds depends on the size of a batch and on where the weights lie in memory.
    """
    assert record_arrays(actual).keys() == record_arrays(expected).keys()
    for name, array in record_arrays(actual).items():
        np.testing.assert_allclose(array, record_arrays(expected)[name], atol=1e-5, rtol=1e-3, err_msg=name)


def module_state(module: Any) -> list[Any]:
    """Describe everything about a module that capturing could leave behind."""
    return [
        (
            set(vars(part)),
            part.training,
            {key: list(value) for key, value in vars(part).items() if key.endswith("_hooks")},
            part.forward.__func__,
        )
        for part in module.modules()
    ] + [
        (p.requires_grad, p.data_ptr(), p._version, None if p.grad is None else p.grad.clone().tolist())
        for p in module.parameters()
    ]
