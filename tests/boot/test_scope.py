# SPDX-License-Identifier: Apache-2.0
"""The live picture shows what the machine does: a busy CPU looks busy, an idle one idle, and time goes on."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from screens import screen
from weft.paths import ROOT

LANE = 0x161C26  # of a CPU that does nothing
GOOD = 0x2ECC8F  # of a part that runs, in the panel
LEFT, COLUMNS = 104, 1008
HEIGHT, PITCH = 560, 95  # of the scope, above the panel, and of a lane
SECONDS = 60


def lane(picture: np.ndarray, cpu: int) -> np.ndarray:
    """A row of pixels through the middle of a CPU's lane, where the screen has four."""
    return picture[56 + PITCH * cpu + 47, LEFT : LEFT + COLUMNS]


def busy(picture: np.ndarray, cpu: int) -> float:
    return float(np.mean(lane(picture, cpu) != LANE))


def wait_for(condition: Callable[[np.ndarray], bool], guest: Any, folder: Path) -> np.ndarray:
    """The first picture for which it holds."""
    deadline = time.monotonic() + SECONDS
    while True:
        picture = screen(guest, folder)
        if picture.shape == (800, 1280) and condition(picture):
            return picture
        assert time.monotonic() < deadline, "the picture does not come"


def test_a_busy_cpu_looks_busy_and_an_idle_one_idle(
    boot: Callable[..., Any], image: Callable[..., Path], tmp_path: Path
) -> None:
    manifest = (ROOT / "userspace/apps/scope.manifest").read_text()
    weave = "priority=30 wait\n"
    assert manifest.count(weave) == 1
    text = manifest.replace(weave, weave + "    arguments first=1 last=2 spin=3\n")
    guest = boot(image=image(text), display="none", timeout=180)
    first = wait_for(lambda picture: busy(picture, 3) > 0.99 and busy(picture, 0) < 0.2, guest, tmp_path)
    colours, counts = np.unique(lane(first, 3), return_counts=True)
    spinner = colours[np.argmax(counts)]
    assert counts.max() > 0.9 * COLUMNS, "one thread has the CPU"
    assert not any(spinner in lane(first, cpu) for cpu in range(3))
    # The first in the legend, below the lanes, is who has run most.
    assert first[HEIGHT - 96 + 12 + 8, 16 + 7] == spinner
    later = wait_for(lambda picture: all(0.005 < busy(picture, cpu) < 0.9 for cpu in (1, 2)), guest, tmp_path)
    assert busy(later, 3) > 0.99
    # In the panel, a square of one colour says for each part that it runs.
    panel = [(HEIGHT + 44 + 20 * row + 8, 16 + 5) for row in range(7)]
    last = wait_for(lambda picture: all(picture[place] == GOOD for place in panel[:6]), guest, tmp_path)
    assert last[panel[6]] != GOOD  # there are six
    wait_for(lambda picture: not np.array_equal(lane(picture, 2), lane(later, 2)), guest, tmp_path)
