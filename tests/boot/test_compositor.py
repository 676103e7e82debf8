# SPDX-License-Identifier: Apache-2.0
"""Surfaces are on the screen as their clients drew them, also when the compositor and the display have died in
between."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from screens import screen

BACKGROUND = 0x0D1117


@pytest.mark.parametrize(("accel", "cpus"), [("tcg", 4), ("icount", 2)])
def test_surfaces_outlive_their_compositors(boot: Callable[..., Any], tmp_path: Path, accel: str, cpus: int) -> None:
    """One is drawn all the while, the other one only waits."""
    guest = boot(image="test_compositor_kills", accel=accel, cpus=cpus, display="none", cmdline="kills=4 stay=1", timeout=120)
    said = r"^compositor_kills: 5 and 5 compositors were met, (\d+) columns drawn$"
    drawn = int(guest.wait_for(said, 120)[1])
    expected = np.full((800, 1280), BACKGROUND, np.uint32)
    expected[200:300, 300:500] = 0x00FF00
    expected[250:350, 400:600] = 0x0000FF
    for turn in range(max(0, drawn - 20), drawn):
        x = 400 + turn * 10 % 200
        expected[250:350, x : x + 10] = 0xFF0000 | turn % 0x10000
    assert np.array_equal(screen(guest, tmp_path), expected)
