"""Names of methods and parameters in files saved before they were renamed, with the names of today."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

METHODS = {
    "attention_query": "patch_attention",
    "centre": "center",
    "staa_published": "staa_original_code",
}
"""Old name of a method to its name today."""

PARAMETERS = {
    "patch_attention": {"query": "patch"},
}
"""Name of a method today to its renamed parameters, old to new."""


def rename_method(name: str) -> str:
    """Return the name that a method has today; a name that was never changed is returned as it is."""
    return METHODS.get(name, name)


def rename_parameters(method: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a method, given by its old name or today's, under the names they have today."""
    renamed = PARAMETERS.get(rename_method(method), {})
    return {renamed.get(name, name): value for name, value in params.items()}
