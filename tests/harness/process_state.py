# SPDX-License-Identifier: Apache-2.0
"""Whether a process that is not our child still runs."""

from __future__ import annotations

import os
import select
from pathlib import Path


def is_alive(pid: int | None) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def is_gone(pid: int, seconds: float = 10.0) -> bool:
    """Whether the process ends in time; waits for its end, not for a while."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], seconds)[0])
    finally:
        os.close(descriptor)
