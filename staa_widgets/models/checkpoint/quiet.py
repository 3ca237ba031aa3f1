"""Silence the logs of the libraries that load models, and the progress bars of reading weights, for a while.

The progress bars of downloads stay.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars
from huggingface_hub.utils import logging as hub_logging
from transformers.utils import logging


@contextmanager
def quiet_hub() -> Iterator[None]:
    """Silence the logs of huggingface_hub, which would log each attempt to reach the hub."""
    verbosity = hub_logging.get_verbosity()
    hub_logging.set_verbosity_error()
    try:
        yield
    finally:
        hub_logging.set_verbosity(verbosity)


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Silence the logs and progress bars of transformers, and those of huggingface_hub with them."""
    verbosity, shows_bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    hub_hides_bars = are_progress_bars_disabled()
    logging.set_verbosity_error()
    # Switching the bars causes a warning if an environment variable fixes their state.
    with warnings.catch_warnings(), quiet_hub():
        warnings.simplefilter("ignore")
        logging.disable_progress_bar()
    try:
        with quiet_hub():
            yield
    finally:
        logging.set_verbosity(verbosity)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if shows_bars:
                logging.enable_progress_bar()
            if hub_hides_bars:
                disable_progress_bars()
