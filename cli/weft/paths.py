# SPDX-License-Identifier: Apache-2.0
"""Where things are in the tree. Nothing here looks at the disk."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
OUT = ROOT / "out"
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"

# The roots of the namespace package `weft` and of the generated modules. The script `weft` and
# set-up's .pth file put them on Python's path.
PYTHON_ROOTS = ("cli", "trace/python", "bench/host", "tests/harness", "build/gen/python")
