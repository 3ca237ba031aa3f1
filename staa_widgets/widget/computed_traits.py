"""Traits that start a computation when they are set: `method`, `target` and `patch`."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from staa_widgets.errors import StaaError
from staa_widgets.explanation.explanation import Explanation
from staa_widgets.records.target import TargetLike
from staa_widgets.widget.patch import compute_arguments
from staa_widgets.widget.service import Service
from staa_widgets.widget.settings import PAGE_TRAITS, SETTINGS, SettingError, Settings
from staa_widgets.widget.thread_safe import ThreadSafeWidget
from staa_widgets.widget.worker import Operation

COMPUTED_TRAITS = ("method", "target", "patch")


class ComputedTraits(ThreadSafeWidget, Settings):
    """A widget that computes an explanation when one of `COMPUTED_TRAITS` is set; if this fails, nothing changes."""

    _service: Service

    def compute(self, method: str | None = None, target: TargetLike | None = None, **params: Any) -> Explanation:
        """Compute an explanation with another method or for another class, and show it."""
        raise NotImplementedError

    def operation(self, op: str, args: Mapping[str, Any]) -> Operation:
        """Return the operation of a request; raises typed errors."""
        raise NotImplementedError

    def _restore_previous(self) -> bool:
        """Show the content that a patch replaced in the active pane; return ``False`` if there is no such content."""
        raise NotImplementedError

    def __setattr__(self, name: str, value: Any) -> None:
        if name in COMPUTED_TRAITS:
            self._set_computed(name, value)
            return
        if not name.startswith("_") and not hasattr(type(self), name):
            close = get_close_matches(name, SETTINGS, 1)
            raise AttributeError(
                f"Player has no attribute {name!r}." + (f" Did you mean {close[0]!r}?" if close else "")
            )
        super().__setattr__(name, value)

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Apply the trait values that a page has set; send back the current values of computed and invalid traits.

        Values of traits that a page may not set are ignored.
        """
        sync_data = {name: value for name, value in sync_data.items() if name in PAGE_TRAITS}
        invalid = [name for name in sync_data if name in SETTINGS and not self.accepts(name, sync_data[name])]
        computed = {name: sync_data[name] for name in COMPUTED_TRAITS if name in sync_data and name not in invalid}
        super().set_state({name: sync_data[name] for name in sync_data if name not in (*computed, *invalid)})
        if computed or invalid:
            self.send_state([*computed, *invalid])
        try:
            patch = SETTINGS["patch"].validate(self, computed.pop("patch", self.patch))
            if patch != self.patch:
                if not (patch is None and self._restore_previous()):
                    self._service.run("compute", None, self.operation("compute", compute_arguments(patch)))
            elif any(value != getattr(self, name) for name, value in computed.items()):
                self._service.run("compute", None, self.operation("compute", computed))
        except StaaError as error:
            self.log.warning("The player was not changed: %s", error)

    def _set_computed(self, name: str, value: Any) -> None:
        if name == "patch":
            value = SETTINGS[name].validate(self, value)
        elif value is None:
            raise SettingError(
                f"{name} is None.", f"Choose a {'method by name' if name == 'method' else 'class by label or index'}."
            )
        if value == getattr(self, name):
            return
        if name != "patch":
            self.compute(**{name: value})
        elif value is not None or not self._restore_previous():
            arguments = compute_arguments(value)
            self.compute(arguments["method"], **arguments["params"])
