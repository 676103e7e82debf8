# SPDX-License-Identifier: Apache-2.0
"""The terminal's driver, from the side where a person sits: what is shown, what is typed, while it dies."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from weft.harness.guest import Guest

KILLS = 100
BATCH = 8  # lines that are typed at once
OVER = "the killing is over"


def is_within(part: str, whole: str) -> bool:
    """Can `part` be had from `whole` by leaving characters out?"""
    rest = iter(whole)
    return all(character in rest for character in part)


def type_until_it_is_over(guest: Guest) -> list[str]:
    """Types on and on, as fast as it is read; a line of each batch is recognised even if characters are lost."""
    typed: list[str] = []
    while OVER not in guest.shown:
        batch = [f"this is line {len(typed) + number} of what is typed" for number in range(BATCH)]
        guest.type("".join(line + "\r" for line in batch))
        typed += batch
        last = "|".join(str(len(typed) - number) for number in (1, 2, 3))
        guest.wait_shown(rf"read 1 <[^>]*line ({last}) of|{OVER}", seconds=100)
    guest.type("\rend\r")
    return [*typed, "", "end"]


@pytest.mark.parametrize("accel", ["tcg", "icount"])
def test_the_driver_dies_a_hundred_times_and_no_client_notices(boot: Callable[..., Guest], accel: str) -> None:
    with boot(image="test_terminal_load", terminal=True, accel=accel, cmdline=f"kills={KILLS}", timeout=240) as guest:
        typed = type_until_it_is_over(guest)
        assert guest.wait().ok
        shown, console = guest.shown, "\n".join(guest.console)
    assert len(re.findall(r"init: service console: killed", console)) == KILLS
    for writer in range(4):
        ours = rf"writer {writer} line (\d+): and some more, so that there is something to mix$"
        numbers = [int(number) for number in re.findall(ours, shown, re.MULTILINE)]
        written = re.search(rf"^writer {writer} has written (\d+)$", shown, re.MULTILINE)
        assert written and numbers == list(range(int(written[1])))
        assert len(numbers) > KILLS
    sent, came = "\n".join(typed), "\n".join(re.findall(r"read 1 <([^>\n]*)>", shown))
    perhaps = console.count("ended with a character in its hands")
    assert is_within(came, sent)
    assert len(sent) - len(came) <= perhaps, f"{perhaps} characters may be lost"
