"""Lets the tests of the sweep, and the processes they start, share ``fake_training``."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
