# SPDX-License-Identifier: Apache-2.0
"""However `./weft run` ends, its QEMU ends with it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from weft.harness.tree import Tree

SECONDS = 60


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def ended(descriptor: int, seconds: float) -> bool:
    return bool(select.select([descriptor], [], [], seconds)[0])


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_no_qemu_is_left(tree: Tree, tmp_path: Path, end: signal.Signals) -> None:
    argv = [sys.executable, "weft", "run", "test_busy", "--accel", "tcg", "--out", tmp_path]
    with subprocess.Popen(argv, cwd=tree.root, stdout=subprocess.PIPE, text=True) as command:
        assert command.stdout is not None
        deadline = time.monotonic() + SECONDS
        for line in command.stdout:
            assert time.monotonic() < deadline, "the guest does not come up"
            if line == "busy\n":
                break
        (qemu,) = children(command.pid)
        assert "qemu" in Path(f"/proc/{qemu}/cmdline").read_text()
        descriptor = os.pidfd_open(qemu)
        try:
            command.send_signal(end)
            command.wait(SECONDS)
            assert ended(descriptor, 10)
        finally:
            os.close(descriptor)
            command.kill()
