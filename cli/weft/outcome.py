# SPDX-License-Identifier: Apache-2.0
"""How a machine ended, from QEMU's exit code.

The guest ends by writing 0x10 + status to the isa-debug-exit device, and QEMU then exits with
(value << 1) | 1. Every other exit code, and every signal, is QEMU's own doing.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass

STATUS_BASE = 0x10  # what the guest adds to its status before it writes the exit port
STATUS_PANIC = 0x6F


@dataclass(frozen=True)
class Outcome:
    """How a machine ended.

    kind      ok       the guest powered off with status 0
              failed   the guest powered off with another status
              panic    the kernel panicked
              timeout  it did not end in time and was stopped
              reset    the guest reset or powered off some other way (a triple fault ends so)
              killed   QEMU was ended by a signal, or by close()
              qemu     QEMU itself failed
    """

    kind: str
    reason: str
    seconds: float
    status: int | None = None
    exit_code: int | None = None

    @property
    def ok(self) -> bool:
        return self.kind == "ok"


def classify_exit(exit_code: int, panicked: bool, stderr: str, seconds: float) -> Outcome:
    """Maps QEMU's exit code: (0x10 + status) << 1 | 1 comes from the guest, the rest does not."""
    status = (exit_code >> 1) - STATUS_BASE
    if exit_code > 0 and exit_code & 1 and status >= 0:
        if status == STATUS_PANIC:
            return Outcome("panic", "the kernel panicked", seconds, status, exit_code)
        if status:
            return Outcome("failed", f"the guest ended with status {status}", seconds, status, exit_code)
        return Outcome("ok", "", seconds, 0, exit_code)
    if panicked:
        return Outcome("panic", "the kernel panicked", seconds, None, exit_code)
    last = (stderr.strip().splitlines() or ["no message"])[-1]
    if exit_code < 0:
        name = signal.Signals(-exit_code).name
        return Outcome("killed", f"QEMU was ended by {name}: {last}", seconds, None, exit_code)
    if exit_code == 0:
        return Outcome("reset", "the guest reset or powered off without a status", seconds, None, 0)
    return Outcome("qemu", f"QEMU failed: {last}", seconds, None, exit_code)
