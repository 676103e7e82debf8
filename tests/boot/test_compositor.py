# SPDX-License-Identifier: Apache-2.0
"""Surfaces are on the screen as their clients drew them, also when the compositor and the display have died in
between."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from screens import screen

BACKGROUND = 0x0D1117


def test_surfaces_outlive_their_compositors(boot: Callable[..., Any], tmp_path: Path) -> None:
    guest = boot(image="test_compositor_kills", display="none")
    guest.wait_for(r"^compositor_kills: 4 and 4 compositors were met$")
    expected = np.full((800, 1280), BACKGROUND, np.uint32)
    expected[200:300, 300:500] = 0x00FF00
    expected[250:350, 400:600] = 0x0000FF
    for i in range(6):
        expected[250:350, 400 + 10 * i : 410 + 10 * i] = 0xFF0000 + i
    assert np.array_equal(screen(guest, tmp_path), expected)
