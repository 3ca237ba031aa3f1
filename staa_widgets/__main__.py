"""``python -m staa_widgets`` is ``staa``."""

from __future__ import annotations

import sys

from staa_widgets.cli.main import main

sys.exit(main())
