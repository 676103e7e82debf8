# SPDX-License-Identifier: Apache-2.0
"""Puts the tree's Python packages on the path and loads the harness; it has everything else."""

import signal
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
for folder in ("cli", "trace/python", "bench/host", "tests/harness", "build/gen/python"):
    if str(ROOT / folder) not in sys.path:
        sys.path.insert(0, str(ROOT / folder))

pytest_plugins = ["weft.harness.plugin"]

# Started in the background or under nohup, we would hand on that these are ignored, and no command
# under test could be interrupted.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
