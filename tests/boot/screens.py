# SPDX-License-Identifier: Apache-2.0
"""The guest's screen as numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np


def screen(guest: Any, folder: Path) -> np.ndarray:
    """The screen as rows of 0xRRGGBB."""
    path = folder / "screen.ppm"
    guest.qmp("screendump", filename=str(path))
    kind, size, most, pixels = path.read_bytes().split(b"\n", 3)
    assert (kind, most) == (b"P6", b"255")
    width, height = map(int, size.split())
    parts = np.frombuffer(pixels, np.uint8).reshape(height, width, 3).astype(np.uint32)
    return parts[..., 0] << 16 | parts[..., 1] << 8 | parts[..., 2]
