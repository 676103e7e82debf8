# SPDX-License-Identifier: Apache-2.0
"""A guest that resets, and starts again.

QEMU stops a machine that wants to reset, with its memory as it was (`-no-reboot -no-shutdown`). So everything
that the guest has recorded can be read before it is reset in earnest and goes on.

1. QEMU tells of a stop in an event, and one reset may bring several: each CPU's fault one. So an event only
   makes us look whether the machine is stopped.
2. The firmware resets the machine once more by itself when it finds that it has run before. As long as the
   kernel has said nothing, a reset is not the guest's doing and does not count.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from weft.machine import Machine

FIRMWARE_RESETS = 2  # at most for each start
RESET_LOOKS = 10_000  # it is done as soon as QEMU gets to it


class Restarts:
    """The restarts of one machine, at most `limit`."""

    def __init__(self, machine: Machine, limit: int) -> None:
        self.count = 0
        self._machine, self._limit = machine, limit
        self._events = 0
        self._silent = 0  # resets since the guest said something
        self._heard = 0  # lines of the console when it started

    def wanted(self) -> bool:
        """Is the machine stopped since its guest wants to start again?"""
        if self._limit == 0:
            return False
        events = sum(event["event"] == "SHUTDOWN" and event["data"].get("reason") == "guest-reset"
                     for event in self._machine.qmp_events)  # fmt: skip
        news, self._events = events > self._events, events
        return news and self._machine.query_status() == "shutdown"

    def start(self, on_reset: Callable[[], Callable[[], None]] | None) -> bool:
        """Starts it again; see Machine.wait() for `on_reset`. False: that was done often enough."""
        then: Callable[[], None] | None = None
        lines = len(self._machine.console)
        self._silent += 1
        if lines > self._heard or self._silent > FIRMWARE_RESETS:
            if self.count == self._limit:
                return False
            self._silent = 0
            self.count += 1
            then = on_reset() if on_reset is not None else None
        self._heard = lines
        self._reset()
        if then is not None:
            then()
        self._machine.resume()
        return True

    def _reset(self) -> None:
        self._machine.qmp("set-action", {"reboot": "reset"})
        self._machine.qmp("system_reset")
        for _ in range(RESET_LOOKS):
            if self._machine.query_status() != "shutdown":
                break
        self._machine.qmp("set-action", {"reboot": "shutdown"})
        self.wanted()  # what is left to tell was before
