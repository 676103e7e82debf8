# SPDX-License-Identifier: Apache-2.0
"""Stream a running machine's trace into one capture, which may become larger than the guest's rings.

    stream = Stream(machine, tool, out)      # the machine has just been started
    machine.wait()
    stream.finish({"commit": ...})           # or stream.abandon()

`weft-trace stream` does the work, in a process of its own; it reads the guest's memory and needs nothing
from the guest.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from weft.machine import Machine, MachineError

FINISH_SECONDS = 300  # to put the pieces of a large capture together


class Stream:
    """One stream; it must end with finish() or abandon()."""

    def __init__(self, machine: Machine, tool: Path, out: Path) -> None:
        self._machine = machine
        self.out = out
        out.parent.mkdir(parents=True, exist_ok=True)
        self._metadata = tempfile.NamedTemporaryFile("w", suffix=".json")
        argv = [str(tool), "stream", "--ram", str(machine.memory.path)]
        argv += ["--kernel", str(machine.config.kernel), "--meta", self._metadata.name, "-o", str(out)]
        try:
            self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        except OSError as error:
            self._metadata.close()
            raise MachineError(f"streaming failed: {error}") from error

    def finish(self, extra: dict[str, Any] | None = None) -> Path:
        """Take what is left in the rings and complete the capture. A machine that runs is paused for it.

        Raises MachineError with the tool's own line when it failed, now or earlier.
        """
        machine = self._machine
        paused = machine.running and machine.query_status() == "running"
        if paused:
            machine.pause()
        try:
            json.dump(machine.metadata(extra), self._metadata)
            self._metadata.flush()
            _, complaint = self._process.communicate(timeout=FINISH_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise MachineError(f"streaming failed: {error}") from error
        finally:
            self.abandon()
            if paused and machine.running:
                machine.resume()
        if self._process.returncode:
            last = (complaint.strip().splitlines() or [f"exit code {self._process.returncode}"])[-1]
            raise MachineError(f"streaming failed: {last}")
        return self.out

    def abandon(self) -> None:
        """End without a capture, where there is none yet."""
        self._metadata.close()
        self._process.kill()
        self._process.wait()
