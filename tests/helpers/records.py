"""Compare records; compare everything about a module before and after it was captured."""

from __future__ import annotations

from typing import Any

import numpy as np

from staa_widgets.records.record import Record


def record_arrays(one: Record) -> dict[str, np.ndarray]:
    return {name: value for name, value in vars(one).items() if isinstance(value, np.ndarray)}


def assert_records_close(found: Record, expected: Record) -> None:
    """Assert that two records are equal but for rounding, which depends on batch size and on memory alignment."""
    assert record_arrays(found).keys() == record_arrays(expected).keys()
    for name, array in record_arrays(found).items():
        np.testing.assert_allclose(array, record_arrays(expected)[name], atol=1e-5, rtol=1e-3, err_msg=name)


def module_state(module: Any) -> list[Any]:
    """Everything about a module that a guest could leave behind."""
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
