# SPDX-License-Identifier: Apache-2.0
"""Does the trace of a machine that has ended break a rule of `weft trace check`?"""

from __future__ import annotations

import subprocess
from pathlib import Path

from weft.machine import Machine, MachineError

CHECK_SECONDS = 120
BROKEN = "trace: "  # how a complaint about a rule begins; one about the absence of a trace does not


def check_trace(machine: Machine, tool: Path, capture: Path) -> str:
    """The first violation, or why the trace cannot be checked; empty if it is as it must be. `tool` is
    the built weft-trace; the file `capture` is written for it and removed."""
    try:
        machine.capture(capture, tool)
        done = subprocess.run(
            [tool, "check", capture], capture_output=True, text=True, timeout=CHECK_SECONDS
        )
    except (MachineError, subprocess.TimeoutExpired) as error:
        return f"no trace: {error}"
    finally:
        capture.unlink(missing_ok=True)
    if done.returncode == 0:
        return ""
    return BROKEN + ((done.stdout + done.stderr).strip().splitlines() or ["check failed"])[0]
