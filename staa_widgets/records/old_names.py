"""Current names of methods and parameters that were renamed, so that older files can be read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

METHODS = {
    "attention_query": "patch_attention",
    "centre": "center",
    "staa_published": "staa_original_code",
}
"""Current name of each renamed method, by its old name."""

PARAMETERS = {
    "patch_attention": {"query": "patch"},
}
"""Current name of each renamed parameter, by the current name of its method and its old name."""


def rename_method(name: str) -> str:
    """Return the current name of a method; a name that was never changed is returned as it is."""
    return METHODS.get(name, name)


def rename_parameters(method: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return a method's parameters under their current names; the method may be given by its old name."""
    new_names = PARAMETERS.get(rename_method(method), {})
    return {new_names.get(name, name): value for name, value in params.items()}
