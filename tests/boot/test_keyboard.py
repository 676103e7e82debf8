# SPDX-License-Identifier: Apache-2.0
"""The keyboard's driver: keys are pressed by QEMU's monitor, and read in the guest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weft.harness.guest import Guest

SHIFT, CONTROL, CAPS = 2, 4, 16


def press(guest: Guest, *keys: str) -> None:
    """All down, in order, and up again."""
    events: list[dict[str, Any]] = [
        {"type": "key", "data": {"down": down, "key": {"type": "qcode", "data": key}}}
        for down, order in ((True, keys), (False, keys[::-1]))
        for key in order
    ]
    guest.qmp("input-send-event", events=events)


def test_keys_come_in_order_whoever_drives_the_keyboard(boot: Callable[..., Guest]) -> None:
    with boot(image="test_keys") as guest:
        guest.wait_for(r"^keys: nothing yet \(-15\)")
        expected: list[str] = []

        def expect(code: str, character: str | int, flags: int = 0, held: int = 0) -> None:
            number = ord(character) if isinstance(character, str) else character
            expected.append(f"key {code} pressed {number} flags {flags}")
            expected.append(f"key {code} released {number} flags {held or flags}")

        def wait() -> None:
            """Until all that was pressed is there: nothing else is on the way then."""
            for _ in guest.machine.lines(30):
                if [line for line in guest.console if line.startswith("key ")] == expected:
                    return

        press(guest, "a")
        expect("1e", "a")
        press(guest, "ret")
        expect("1c", "\n")
        press(guest, "left")
        expect("e04b", 0)
        wait()
        press(guest, "shift", "b")
        expected += [f"key 2a pressed 0 flags {SHIFT}", f"key 30 pressed {ord('B')} flags {SHIFT}",
                     f"key 30 released {ord('B')} flags {SHIFT}", "key 2a released 0 flags 0"]  # fmt: skip
        press(guest, "ctrl_r", "c")
        expected += [f"key e01d pressed 0 flags {CONTROL}", f"key 2e pressed 3 flags {CONTROL}",
                     f"key 2e released 3 flags {CONTROL}", "key e01d released 0 flags 0"]  # fmt: skip
        press(guest, "caps_lock")
        expect("3a", 0, CAPS)
        press(guest, "x")
        expect("2d", "X", CAPS)
        press(guest, "1")
        expect("2", "1", CAPS)
        press(guest, "caps_lock")
        expect("3a", 0)
        wait()
        for number in range(20):  # each kills the driver, with keys behind it that nobody has read
            press(guest, "k")
            expect("25", "k")
            press(guest, str(number % 10))
            expect(f"{(number + 9) % 10 + 2:x}", str(number % 10))
            wait()
        press(guest, "q")
        assert guest.wait().ok
        expect("10", "q")
        assert [line for line in guest.console if line.startswith("key ")] == expected
        assert sum("init: service keyboard: killed" in line for line in guest.console) == 20
