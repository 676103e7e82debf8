# SPDX-License-Identifier: Apache-2.0
"""One running QEMU: its console, its monitor, its memory, and how it ended.

    with Machine(config) as machine:
        machine.wait_for(r"^weft: ", seconds=10)
        outcome = machine.wait()
        machine.capture(Path("trace.weft"), tool)

The console is a pipe, QMP a socket pair and the guest's memory an anonymous file; QEMU inherits all
three. So there are no names to clash, nothing is left behind on disk however this process ends, and
the memory can still be read when QEMU is gone: a guest that panicked, hung or ran out of time
gives its trace like any other.

The console is not a socket because QEMU writes single bytes. A Unix socket counts most of a
kilobyte for each, is full after some 300 and makes the guest wait for this process: that costs
output when the guest powers off, and in icount mode the same binary would no longer give the same
figures. A pipe packs bytes and holds CONSOLE_BUFFER of them.

Invariants:
- No orphan. QEMU leads a process group of its own that close() kills, and asks Linux for SIGKILL
  when its parent dies, so it goes even when Python is killed with -9. (Linux means the *thread*
  that started it: start machines from a thread that lives as long as they do.)
- Nothing sleeps and nothing blocks without a deadline. One function, _pump(), waits for console,
  monitor and exit together; every public call is a loop around it.
- wait() always ends: with the guest's exit, a grace period after a panic, or the timeout.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import json
import os
import re
import selectors
import signal
import socket
import subprocess
import tempfile
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from weft.child import die_with
from weft.guest_memory import GuestMemory
from weft.machine_config import Descriptors, MachineConfig, UsageError, format_size, parse_size
from weft.outcome import Outcome, classify_exit
from weft.qmp import QmpError, QmpProtocol
from weft.restarts import Restarts
from weft.symbols import Symbols
from weft.wire import Wire

__all__ = [
    "Machine", "MachineConfig", "MachineError", "MachineTimeout", "Outcome", "QmpError",
    "UsageError", "format_size", "parse_size", "qemu_version",
]  # fmt: skip

RECORD_PREFIX = "@weft "
PANIC_PREFIX = "weft: PANIC:"
PANIC_GRACE = 5.0  # seconds for the rest of a panic message
QMP_SECONDS = 10.0
CAPTURE_SECONDS = 120.0
CONSOLE_BUFFER = 1 << 20  # the most that Linux gives to anyone
LINE_MAX = 1 << 16  # a guest that never ends its line must not fill the host's memory

_machines: weakref.WeakSet[Machine] = weakref.WeakSet()


class MachineError(Exception):
    """The machine is not there (any more) for what was asked."""


class MachineTimeout(MachineError):
    """A deadline passed."""


def qemu_version(qemu: str = "qemu-system-x86_64") -> str:
    """The version of an installed QEMU, such as "7.2.22"."""
    try:
        done = subprocess.run([qemu, "--version"], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UsageError(f"cannot run {qemu}: {error}") from error
    match = re.search(r"version (\S+)", done.stdout)
    return match[1] if match else "unknown"


class Machine:
    """See the module. `on_line` sees every console line as it comes, `on_data` what the guest's terminal shows."""

    def __init__(self, config: MachineConfig, on_line: Callable[[str], None] | None = None,
                 on_data: Callable[[bytes], None] | None = None) -> None:  # fmt: skip
        config.validate()
        self.config = config
        self.console: list[str] = []
        self.records: list[dict[str, Any]] = []
        self.panic: str | None = None
        self.outcome: Outcome | None = None
        self.argv: list[str] = []
        self._restarts = Restarts(self, config.reboots)
        self._on_line, self._on_data = on_line, on_data
        self.wire: Wire | None = None  # the guest's terminal
        self._symbols = Symbols(config.kernel)
        self._partial = b""
        self._protocol = QmpProtocol()
        self._files = contextlib.ExitStack()
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0

    # Life

    def __enter__(self) -> Machine:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> Machine:
        """Starts QEMU. Raises UsageError if it cannot be run at all."""
        if self._process is not None:
            raise MachineError("a machine starts once")
        _machines.add(self)
        self._selector = self._files.enter_context(selectors.DefaultSelector())
        self.memory = GuestMemory(self.config.memory)
        self._files.callback(self.memory.close)
        self._stderr = self._files.enter_context(tempfile.TemporaryFile())
        self._console, console = os.pipe()
        self._files.callback(os.close, self._console)
        with contextlib.suppress(OSError):
            fcntl.fcntl(console, fcntl.F_SETPIPE_SZ, CONSOLE_BUFFER)
        self._qmp_socket, qmp = socket.socketpair()
        self._files.callback(self._qmp_socket.close)
        if self.config.terminal:
            self.wire = self._files.enter_context(Wire(self._selector, self._on_data, self._pump))
        theirs = self.wire.qemus if self.wire else contextlib.nullcontext()
        with open(console, "wb"), qmp, theirs:  # QEMU's ends: closed here once it has them
            wire = self.wire.qemus.fileno() if self.wire else None
            fds = Descriptors(console, qmp.fileno(), self.memory.descriptor, wire)
            self.argv = self.config.argv(fds)
            self._spawn(fds)
        if self.config.reboots:  # the monitor tells of resets once it has been talked to
            self.qmp("cont")
        return self

    def _spawn(self, fds: Descriptors) -> None:
        self._started = time.monotonic()
        try:
            self._process = subprocess.Popen(
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._stderr,
                pass_fds=[fd for fd in (fds.console, fds.qmp, fds.memory, fds.terminal) if fd is not None],
                start_new_session=True,
                preexec_fn=die_with(os.getpid()),
            )
        except OSError as error:
            self._files.close()
            raise UsageError(f"cannot run {self.argv[0]}: {error.strerror}") from error
        pidfd = os.pidfd_open(self._process.pid)
        self._files.callback(os.close, pidfd)
        self._selector.register(pidfd, selectors.EVENT_READ, self._on_exit)
        self.follow(self._console, self._on_console)
        self.follow(self._qmp_socket.fileno(), self._protocol.feed)

    def follow(self, descriptor: int, take: Callable[[bytes], None], ended: Callable[[], None] = lambda: None) -> None:
        """Hands over what comes from a pipe or socket, while the machine is waited for."""

        def ready() -> None:
            try:
                data = os.read(descriptor, 1 << 16)
            except ConnectionError:
                data = b""
            if data:
                take(data)
            else:
                self._selector.unregister(descriptor)
                ended()

        self._selector.register(descriptor, selectors.EVENT_READ, ready)

    def unfollow(self, descriptor: int) -> None:
        self._selector.unregister(descriptor)

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def reboots(self) -> int:
        """How often the guest was started again."""
        return self._restarts.count

    @property
    def running(self) -> bool:
        return self._process is not None and self.outcome is None

    def close(self) -> None:
        """Kills what still runs and frees the guest's memory. May be called twice."""
        if self.running:
            self._kill(lambda seconds: Outcome("killed", "closed while it ran", seconds))
        self._files.close()
        self._files = contextlib.ExitStack()
        _machines.discard(self)

    def stop(self, reason: str = "stopped by the caller") -> Outcome:
        """Ends the machine now; console and memory stay readable until close()."""
        if self.running:
            self._kill(lambda seconds: Outcome("killed", reason, seconds))
        return self._ended()

    def _kill(self, outcome: Callable[[float], Outcome]) -> None:
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._drain()
        self.outcome = outcome(time.monotonic() - self._started)

    # Moving bytes

    def _pump(self, deadline: float) -> bool:
        """Waits until something came from QEMU and takes it. False: the deadline passed first."""
        ready = self._selector.select(max(0.0, deadline - time.monotonic()))
        for key, _ in ready:
            key.data()
        return bool(ready)

    def _on_exit(self) -> None:
        if self.outcome is not None:
            return
        assert self._process is not None
        exit_code = self._process.wait()
        self._drain()
        self._stderr.seek(0)
        stderr = self._stderr.read().decode(errors="replace")
        seconds = time.monotonic() - self._started
        self.outcome = classify_exit(exit_code, self.panic is not None, stderr, seconds)

    def _drain(self) -> None:
        """Takes what a dead QEMU left in the console's pipe; the other end is closed."""
        while data := os.read(self._console, 1 << 16):
            self._on_console(data)
        if self._partial:
            self._line(self._partial)
            self._partial = b""
        if self.wire:
            self.wire.drain()

    def _on_console(self, data: bytes) -> None:
        *lines, self._partial = (self._partial + data).split(b"\n")
        for line in lines:
            self._line(line)
        if len(self._partial) > LINE_MAX:
            self._line(self._partial)
            self._partial = b""

    def _line(self, raw: bytes) -> None:
        line = self._symbols.annotate(raw.rstrip(b"\r").decode(errors="replace"))
        self.console.append(line)
        if self.panic is None and line.startswith(PANIC_PREFIX):
            self.panic = line
        if line.startswith(RECORD_PREFIX):
            with contextlib.suppress(ValueError):
                record = json.loads(line[len(RECORD_PREFIX) :])
                if isinstance(record, dict):
                    self.records.append(record)
        if self._on_line is not None:
            self._on_line(line)

    # Console

    def lines(self, seconds: float) -> Iterator[str]:
        """All console lines from the first on, as they come. Ends with the machine; raises
        MachineTimeout when `seconds` have passed before that."""
        deadline = time.monotonic() + seconds
        index = 0
        while True:
            while index < len(self.console):
                yield self.console[index]
                index += 1
            if not self.running:
                return
            if not self._pump(deadline):
                raise MachineTimeout(f"the machine still runs after {seconds:g} s")

    def wait_for(self, pattern: str, seconds: float) -> re.Match[str]:
        """The first console line in which the regular expression is found, past or to come.

        Raises MachineTimeout after `seconds`, MachineError when the machine ends without it.
        """
        expression = re.compile(pattern)
        try:
            for line in self.lines(seconds):
                if match := expression.search(line):
                    return match
        except MachineTimeout:
            raise MachineTimeout(f"no line /{pattern}/ within {seconds:g} s") from None
        raise MachineError(f"the machine ended without a line /{pattern}/ ({self._ended().kind})")

    def wait(self, seconds: float | None = None, on_reset: Callable[[], Callable[[], None]] | None = None) -> Outcome:
        """Waits for the end; after `seconds` (default: the configuration's timeout, counted from
        the start) the machine is stopped and the outcome says so.

        A guest that resets starts again as often as the configuration says. Before that, while it is stopped
        and its memory is as it was, `on_reset` is called; and what that returns, when all is reset."""
        limit = self.config.timeout if seconds is None else seconds
        deadline = limit + (self._started if seconds is None else time.monotonic())
        panic_seen = False
        while self.running:
            if self.panic is not None and not panic_seen:
                panic_seen = True
                deadline = min(deadline, time.monotonic() + PANIC_GRACE)
            if not self._pump(deadline) and self.running:
                self._give_up(limit)
            if self.running and self._restarts.wanted() and not self._restarts.start(on_reset):
                self._kill(lambda seconds: Outcome("reset", "the guest reset once more than it may", seconds))
        return self._ended()

    def _give_up(self, limit: float) -> None:
        if self.panic is not None:
            self._kill(lambda seconds: Outcome("panic", "panicked and did not power off", seconds))
            return
        state = self._where_it_hangs()
        reason = f"no end within {limit:g} s{state}"
        self._kill(lambda seconds: Outcome("timeout", reason, seconds))

    def _where_it_hangs(self) -> str:
        """Program counters of the CPUs, for the reason of a timeout; empty if QEMU hangs as well."""
        try:
            dump = self.qmp("human-monitor-command", {"command-line": "info registers -a"}, 2.0)
        except (MachineError, QmpError, OSError):
            return ""
        counters = re.findall(r"RIP=([0-9a-f]+)", str(dump))
        halted = re.findall(r"HLT=1", str(dump))
        shown = " ".join(counters[:8]) + (" ..." if len(counters) > 8 else "")
        return f" ({len(halted)} of {len(counters)} CPUs halted; rip {shown})" if counters else ""

    def _ended(self) -> Outcome:
        if self.outcome is None:
            raise MachineError("the machine has not ended")
        return self.outcome

    # Monitor

    def qmp(self, command: str, arguments: dict[str, Any] | None = None,
            seconds: float = QMP_SECONDS) -> Any:  # fmt: skip
        """Executes a QMP command and returns its result. Raises QmpError if QEMU refuses."""
        if not self.running:
            raise MachineError(f"QMP {command}: the machine does not run")
        identity, data = self._protocol.request(command, arguments)
        try:
            self._qmp_socket.sendall(data)
        except OSError as error:
            raise MachineError(f"QMP {command}: the monitor is closed") from error
        deadline = time.monotonic() + seconds
        while (reply := self._protocol.take_reply(identity)) is None:
            if not self.running:
                raise MachineError(f"QMP {command}: the machine ended")
            if not self._pump(deadline):
                raise MachineTimeout(f"QMP {command}: no answer within {seconds:g} s")
        return reply[0]

    def post(self, command: str) -> None:
        """Asks QEMU for something and waits for nothing: for callbacks of follow()."""
        if self.running:
            with contextlib.suppress(OSError):
                self._qmp_socket.sendall(self._protocol.request(command)[1])

    @property
    def qmp_events(self) -> list[dict[str, Any]]:
        """Every event that QEMU sent so far, in order."""
        return self._protocol.events

    def pause(self) -> None:
        """Stops all CPUs; the memory does not change until resume()."""
        self.qmp("stop")

    def resume(self) -> None:
        self.qmp("cont")

    def query_status(self) -> str:
        """QEMU's run state: "running", "paused", ..."""
        return str(self.qmp("query-status")["status"])

    # Capture

    def metadata(self, extra: dict[str, Any] | None = None) -> dict[str, Any]:
        """What a capture must say about where it comes from."""
        config = self.config
        return {
            "arch": "x86_64",
            "accel": config.accel,
            "qemu": qemu_version(config.qemu),
            "cpu_model": config.cpu_model,
            "cpus": config.cpus,
            "memory": config.memory,
            "command_line": config.full_command_line,
            "profile": config.profile,
            "unit": config.unit,
            "outcome": self.outcome.kind if self.outcome else "running",
            **(extra or {}),
        }

    def capture(self, out: Path, tool: Path, extra: dict[str, Any] | None = None,
                trigger: str | None = None) -> Path:  # fmt: skip
        """Writes the trace in the guest's memory to `out`. A machine that runs is paused for it.

        `tool` is the built weft-trace; `extra` is added to the metadata (commit, benchmark, ...);
        `trigger` is what made somebody take it, which the timeline shows.
        Raises MachineError with the tool's own line when there is nothing to read.
        """
        if not self.running or self.query_status() != "running":
            return self._read_trace(out, tool, extra, trigger)
        self.pause()
        try:
            return self._read_trace(out, tool, extra, trigger)
        finally:
            if self.running:
                self.resume()

    def _read_trace(self, out: Path, tool: Path, extra: dict[str, Any] | None, trigger: str | None) -> Path:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", suffix=".json") as meta:
            json.dump(self.metadata(extra), meta)
            meta.flush()
            argv = [str(tool), "capture", "--ram", str(self.memory.path)]
            argv += ["--kernel", str(self.config.kernel), "--meta", meta.name, "-o", str(out)]
            argv += ["--trigger", trigger] if trigger else []
            try:
                done = subprocess.run(argv, capture_output=True, text=True, timeout=CAPTURE_SECONDS)
            except (OSError, subprocess.TimeoutExpired) as error:
                raise MachineError(f"capture failed: {error}") from error
        if done.returncode:
            last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
            raise MachineError(f"capture failed: {last}")
        return out


@atexit.register
def _close_all() -> None:
    for machine in list(_machines):
        machine.close()
