# SPDX-License-Identifier: Apache-2.0
"""What a full ring does: in a flight recorder the newest events win, with `trace_once=1` the first ones. Either
way the kernel's own count says what is missing."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from weft.harness.guest import Guest
from weft.harness.rings import assert_nothing_is_missing, rings_of

RING_BYTES = 65536
PAGES = RING_BYTES // 4096


def is_wrapped(guest: Guest) -> bool:
    """Has every CPU written its ring of events more than twice over?"""
    return all(ring.written > 2 * PAGES * 255 for ring in rings_of(guest.machine) if ring.kind == 0)


@pytest.mark.parametrize("accel", ["tcg", "icount"])
@pytest.mark.parametrize("once", [0, 1])
def test_what_does_not_fit_is_counted_exactly_on_each_cpu(
        boot: Callable[..., Guest], tmp_path: Path, accel: str, once: int) -> None:
    with boot(image="test_busy", cpus=3, accel=accel, cmdline=f"trace_ring={RING_BYTES} trace_once={once}") as guest:
        guest.wait_for("^busy$", 60)
        while not is_wrapped(guest):
            assert guest.machine.query_status() == "running"
        guest.machine.pause()
        capture = guest.capture(tmp_path / "mode.weft")
        found = assert_nothing_is_missing(guest, capture)
        check = subprocess.run([guest.tree.trace_tool, "check", capture], capture_output=True, text=True)
        assert check.returncode == 0, check.stdout + check.stderr
    assert {ring.pages for ring, _ in found if ring.kind == 0} == {PAGES}
    assert all(lost >= PAGES * 255 for ring, lost in found if ring.kind == 0)
    assert_where_the_gap_is(capture, once)


def assert_where_the_gap_is(capture: Path, once: int) -> None:
    """Once: whole rings from the first page on, then the page that was written over and over."""
    import weft.trace

    trace = weft.trace.load(capture)
    for cpu in range(3):
        records = trace.events(cpu)
        pages = [int(number) for number in records["a"][records["id"] == weft.trace.EVENT_ID["page"]]]
        if once:
            assert pages[:PAGES] == list(range(PAGES)) and len(pages) <= PAGES + 1
        else:
            assert pages == list(range(pages[0], pages[0] + len(pages))) and pages[0] > PAGES


def test_a_ring_that_is_not_full_is_as_ever(boot: Callable[..., Guest], tmp_path: Path) -> None:
    with boot(image="test_spin", cpus=2, cmdline="trace_once=1") as guest:
        guest.wait_for("^spinning$", 60)
        guest.machine.pause()
        found = assert_nothing_is_missing(guest, guest.capture(tmp_path / "once.weft"))
    assert all(lost == 0 for _, lost in found)
