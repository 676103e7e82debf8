# SPDX-License-Identifier: Apache-2.0
"""A booted machine in the hands of a test.

    with boot(image="selftest", cpus=8) as guest:
        guest.wait_for(r"^weft: 8 CPUs", seconds=20)
        assert guest.wait().ok

What `weft.machine.Machine` can do is at `guest.machine`; here is what tests need every day. Leaving
the `with` block ends the machine, unless the block failed: then it stays until the harness has saved
console, capture and timeline (`weft.harness.artifacts`). Without `with` it ends with the test.

However a machine has ended, its trace must hold together: if it breaks a rule of `weft trace check`, the
test fails. A machine that still runs when it is closed is not checked: its CPUs' rings are of different
moments.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from weft.harness import ktap
from weft.harness.tree import Tree
from weft.machine import Machine, MachineConfig, MachineError, Outcome
from weft.trace_check import BROKEN, check_trace
from weft.wire import Wire

CONVERT_SECONDS = 120


class Guest:
    def __init__(self, tree: Tree, config: MachineConfig, name: str) -> None:
        self.tree = tree
        self.config = config
        self.name = name
        self.machine = Machine(config)
        self.closed = False
        self.machine.start()

    def __enter__(self) -> Guest:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.verify()
            self.close()

    def verify(self) -> None:
        """Fails the test if the trace of the machine, which has ended, breaks a rule. None is no fault."""
        if self.closed or self.machine.outcome is None or self.config.profile.endswith("-notrace"):
            return
        with tempfile.TemporaryDirectory(prefix="weft-check-") as folder:
            wrong = check_trace(self.machine, self.tree.trace_tool, Path(folder) / "trace.weft")
        assert not wrong.startswith(BROKEN), wrong

    def close(self) -> None:
        """Ends the machine and frees its memory: nothing can be captured any more."""
        self.closed = True
        self.machine.close()

    @property
    def console(self) -> list[str]:
        """All complete console lines so far."""
        return self.machine.console

    @property
    def records(self) -> list[dict[str, Any]]:
        """All `@weft {json}` records so far."""
        return self.machine.records

    def wait_for(self, pattern: str, seconds: float = 30.0) -> re.Match[str]:
        """The first console line, past or to come, in which the pattern is found."""
        return self.machine.wait_for(pattern, seconds)

    def type(self, text: str) -> None:
        """Types at the guest's terminal (boot(terminal=True))."""
        self._wire().send(text.encode())

    def wait_shown(self, pattern: str, seconds: float = 30.0, start: int = 0) -> re.Match[str]:
        """The first match in what the terminal has shown from `start` on, past or to come."""
        return self._wire().wait_for(pattern, seconds, start)

    @property
    def shown(self) -> str:
        """All that the guest's terminal has shown."""
        return self._wire().shown

    def _wire(self) -> Wire:
        assert self.machine.wire is not None, "the guest has no terminal: boot(terminal=True)"
        return self.machine.wire

    def wait(self, seconds: float | None = None) -> Outcome:
        """The end of the machine; it is stopped when its time is up."""
        return self.machine.wait(seconds)

    def qmp(self, command: str, **arguments: Any) -> Any:
        """A QMP command; write underscores for the hyphens of argument names."""
        named = {key.replace("_", "-"): value for key, value in arguments.items()}
        return self.machine.qmp(command, named)

    def ktap(self) -> ktap.Report:
        """Waits for the end and reads the KTAP report in the console output."""
        self.wait()
        return ktap.parse(self.console)

    def capture(self, out: Path) -> Path:
        """The trace of the machine, running or ended, as a capture file."""
        return self.machine.capture(out, self.tree.trace_tool, {"commit": self.tree.commit})

    def timeline(self, out: Path) -> Path:
        """The trace as a Perfetto file; the capture stays beside it, ending in .weft."""
        capture = self.capture(out.with_suffix(".weft"))
        argv = [str(self.tree.trace_tool), "convert", str(capture), "-o", str(out)]
        try:
            done = subprocess.run(argv, capture_output=True, text=True, timeout=CONVERT_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise MachineError(f"convert took more than {CONVERT_SECONDS} s") from error
        if done.returncode:
            raise MachineError(f"convert failed: {done.stderr.strip()}")
        return out
