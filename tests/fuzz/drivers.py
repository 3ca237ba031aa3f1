"""`DRIVERS`: all drivers by name."""

from __future__ import annotations

from tests.fuzz import arrays, entries, kills, messages, races, strings, videos

DRIVERS = {module.DRIVER.name: module.DRIVER for module in (videos, arrays, entries, kills, races, messages, strings)}
