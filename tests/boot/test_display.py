# SPDX-License-Identifier: Apache-2.0
"""What the guest draws is on the screen, to the pixel, also when its driver has died in between."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from screens import screen

WIDTH, HEIGHT = 1280, 800
BARS = [0xFFFFFF, 0xFFFF00, 0x00FFFF, 0x00FF00, 0xFF00FF, 0xFF0000, 0x0000FF, 0x000000]


@pytest.mark.parametrize(("accel", "cpus"), [("tcg", 4), ("icount", 1)])
def test_a_pattern_is_shown_to_the_pixel(boot: Callable[..., Any], tmp_path: Path, accel: str, cpus: int) -> None:
    guest = boot(image="pattern", accel=accel, cpus=cpus, display="none")
    guest.wait_for(r"^pattern: 1280 x 800 pixels shown: status 0$")
    x = np.arange(WIDTH, dtype=np.uint32)
    expected = np.empty((HEIGHT, WIDTH), np.uint32)
    expected[: HEIGHT // 4 * 3] = np.array(BARS, np.uint32)[x * 8 // WIDTH]
    expected[HEIGHT // 4 * 3 :] = x * 256 // WIDTH * 0x010101
    expected[[0, -1]] = expected[:, [0, -1]] = 0xFFFFFF
    assert np.array_equal(screen(guest, tmp_path), expected)


@pytest.mark.parametrize(("accel", "cpus"), [("tcg", 4), ("icount", 2)])
def test_a_picture_outlives_its_drivers(boot: Callable[..., Any], tmp_path: Path, accel: str, cpus: int) -> None:
    """The next driver shows all of it, though the client, which draws all the while, says only what has changed."""
    guest = boot(image="test_display_kills", accel=accel, cpus=cpus, display="none", cmdline="kills=8 stay=1", timeout=120)
    drawn = int(guest.wait_for(r"^display_kills: 9 drivers were met, (\d+) squares drawn$", 120)[1])
    expected = np.full((HEIGHT, WIDTH), 0x204060, np.uint32)
    assert drawn >= 18
    for turn in range(drawn - 8, drawn):
        x = 100 + 120 * (turn % 8)
        expected[200:300, x : x + 100] = 0xFF0000 | turn % 0x10000
    assert np.array_equal(screen(guest, tmp_path), expected)


def test_a_run_ends_with_a_picture(weft: Callable[..., Any], tmp_path: Path) -> None:
    shot = tmp_path / "shot.png"
    done = weft("run", "pattern", "--screenshot", shot, "--after", "3", "--out", tmp_path / "run")
    assert done.returncode == 0, done.stdout + done.stderr
    assert shot.read_bytes().startswith(b"\x89PNG\r\n\x1a\n") and "the picture was taken" in done.stdout


def test_a_run_that_ends_before_its_picture_says_so(weft: Callable[..., Any], tmp_path: Path) -> None:
    shot = tmp_path / "shot.png"
    done = weft("run", "selftest", "--screenshot", shot, "--after", "50", "--out", tmp_path / "run")
    assert done.returncode == 1 and not shot.exists()
    assert done.stderr == "weft: no picture: the machine ended before 50 s (try a smaller --after)\n"
