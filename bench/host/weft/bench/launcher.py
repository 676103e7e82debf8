# SPDX-License-Identifier: Apache-2.0
"""The only file that knows how the bench image is built and booted.

The runner speaks to a `Launcher`; `QemuLauncher` is the real one, on top of `weft.build` and
`weft.machine`. Tests hand in one that replays a recorded console, so that all the rest can be
attacked without a kernel.

A boot never raises for what the guest did: the outcome says it in `kind` ("ok", "panic", "timeout",
...) and `reason`, and the console is there in any case.
"""

from __future__ import annotations

import hashlib
import json
import platform
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from weft import build
from weft.accel import resolve_accel
from weft.bench import linux, peer
from weft.bench.errors import BenchError
from weft.bench.rows import rows_of
from weft.machine import Machine, MachineConfig, MachineError, UsageError, parse_size, qemu_version
from weft.paths import BUILD
from weft.stream import Stream
from weft.tools import program
from weft.variants import DESIGN

TOOL_SECONDS = 120

LineSink = Callable[[str], None]


@dataclass(frozen=True)
class BootPlan:
    """One boot of the bench image, or of the system that it is compared with."""

    mode: str  # icount, tcg or kvm
    cpus: int
    memory: str
    cpu_model: str
    command_line: str
    timeout: float
    capture: Path | None  # where the trace shall go, if one is wanted
    metadata: dict[str, Any] = field(default_factory=dict)
    stream: bool = False  # take the capture all the while, not only at the end
    trace: bool = True  # the kernel with tracing compiled in
    system: str = "weft"  # or linux
    disk: int = 0  # bytes of a fresh disk, all zeros; 0: there is none
    filesystem: str = ""  # one that mke2fs makes on it, instead of the zeros
    image: str = "bench"  # of our own system
    net: bool = False  # a virtio-net device, and a peer that does what the guest tells it
    design: str = DESIGN  # of our kernel's cross-core path


@dataclass(frozen=True)
class BootOutcome:
    """What a boot left behind."""

    kind: str
    reason: str
    seconds: float
    command: str
    console: list[str]
    qemu: str
    arch: str
    profile: str

    @property
    def ok(self) -> bool:
        return self.kind == "ok"


class Portable(Protocol):
    """A boot that can be sent to another machine, where the files of `Launcher.freight` are in a folder."""

    def boot(self, plan: BootPlan, folder: Path) -> BootOutcome:
        """As Launcher.boot, without a capture."""


class Launcher(Protocol):
    """What the runner needs of the world."""

    def prepare(self, trace: bool, design: str = DESIGN) -> None:
        """Builds what `boot` needs for kernels of a design, with or without tracing; may be asked for several,
        in turn."""

    def prepare_baseline(self) -> str:
        """Makes the Linux to compare with present; the package that its kernel is from."""

    def settle(self, accel: str) -> str:
        """Turns "auto" into a mode that works here."""

    def identity(self, plan: BootPlan) -> str:
        """What will be booted, so that a change of it can be told."""

    def boot(self, plan: BootPlan, on_line: LineSink) -> BootOutcome:
        """Boots, waits for the end, takes the capture."""

    def portable(self, plan: BootPlan) -> Portable:
        """The same boot for another machine."""

    def freight(self, plans: Sequence[BootPlan]) -> dict[str, bytes]:
        """By name the files that portable boots of these plans need."""

    def convert(self, capture: Path, out: Path) -> None:
        """Makes a Perfetto trace of a capture."""

    def latency(self, capture: Path) -> dict[str, Any]:
        """Where the time of messages goes: what weft-trace latency says."""

    def stat(self, capture: Path) -> dict[str, Any]:
        """What CPUs and threads did: what weft-trace stat says."""

    def table(self, capture: Path, name: str, columns: Sequence[str]) -> Iterator[tuple[int, ...]]:
        """Some columns of a table of what happened: weft-trace table."""

    def dump(self, capture: Path) -> Iterator[tuple[int, str]]:
        """Time and name of each record: weft-trace dump."""


@dataclass(frozen=True)
class PortableQemu:
    """A boot of files that are named by what is in them, under a QEMU of this version."""

    kernel: str
    image: str
    qemu: str

    def boot(self, plan: BootPlan, folder: Path) -> BootOutcome:
        """BenchError where the machine is not like the one that planned it."""
        here = qemu_version()
        if here != self.qemu:
            raise BenchError(f"{platform.node()} has QEMU {here}, not {self.qemu} as here: figures would not compare")
        launcher = QemuLauncher()
        launcher.take(plan, folder / self.kernel, folder / self.image if self.image else None)
        return launcher.boot(plan, lambda line: None)


class QemuLauncher:
    """The real world: the bench profile's kernel, its boot image, QEMU and weft-trace."""

    def __init__(self) -> None:
        self._kernels: dict[tuple[str, bool], Path] = {}
        self._digests: dict[Path | None, str] = {}
        self._images: dict[str, Path | None] = {}
        self._tool: Path | None = None
        self._linux: linux.LinuxSystem | None = None
        self._version = ""

    def take(self, plan: BootPlan, kernel: Path, image: Path | None) -> None:
        """Boots these files for plans like this one, instead of what is built here."""
        if plan.system == "linux":
            assert image is not None
            self._linux = linux.LinuxSystem(kernel, image, "")
        else:
            self._kernels[plan.design, plan.trace], self._images[plan.image] = kernel, image

    def prepare(self, trace: bool, design: str = DESIGN) -> None:
        """Builds; Failure when that does not work."""
        kernel, image, tool = build.kernel("bench", trace, design), build.image("bench"), build.host_tool()
        build.build([kernel, image, *([tool] if trace else [])])
        self._kernels[design, trace], self._images["bench"] = kernel, image
        self._tool = tool if trace else self._tool

    def prepare_baseline(self) -> str:
        """Fetches Debian's kernel if it is not there, builds the program that is its /init."""
        self._linux = linux.prepare()
        return self._linux.package

    def settle(self, accel: str) -> str:
        """Turns "auto" into kvm where a probe boot shows that it is worth having, else into tcg."""
        return resolve_accel(accel, BUILD / "kvm-probe.json")

    def _files(self, plan: BootPlan) -> tuple[Path, Path | None]:
        if plan.system == "linux":
            assert self._linux is not None
            return self._linux.kernel, self._linux.image
        if plan.image not in self._images:
            image = build.image(plan.image)
            try:
                build.build([image])
            except build.UnknownTarget as error:
                raise BenchError(
                    f"there is no boot image {plan.image}: sources that its programs need are missing; run ./weft setup"
                ) from error
            self._images[plan.image] = image
        return self._kernels[plan.design, plan.trace], self._images[plan.image]

    def identity(self, plan: BootPlan) -> str:
        """Of kernel, boot image and QEMU."""
        return " ".join([self._qemu(), *(self._digest(path) for path in self._files(plan))])

    def _qemu(self) -> str:
        self._version = self._version or qemu_version()
        return self._version

    def _digest(self, path: Path | None) -> str:
        if path not in self._digests:
            self._digests[path] = hashlib.sha256(path.read_bytes()).hexdigest() if path else ""
        return self._digests[path]

    def portable(self, plan: BootPlan) -> Portable:
        """The bytes travel as `freight`, so the kernel is the same everywhere."""
        kernel, image = (self._digest(path) for path in self._files(plan))
        return PortableQemu(kernel, image, self._qemu())

    def freight(self, plans: Sequence[BootPlan]) -> dict[str, bytes]:
        """Kernels and images by their digests."""
        paths = {path for plan in plans for path in self._files(plan) if path}
        return {self._digest(path): path.read_bytes() for path in paths}

    def boot(self, plan: BootPlan, on_line: LineSink) -> BootOutcome:
        """Boots and waits. A capture is taken of guests that failed as well, if there is one."""
        with tempfile.NamedTemporaryFile(prefix="weft-disk-", suffix=".img") as disk:
            disk.truncate(plan.disk)
            if plan.filesystem:
                _make_filesystem(plan.filesystem, Path(disk.name))
            return self._boot_with(plan, on_line, Path(disk.name) if plan.disk else None)

    def _boot_with(self, plan: BootPlan, on_line: LineSink, disk: Path | None) -> BootOutcome:
        kernel, image = self._files(plan)
        try:
            config = MachineConfig(
                kernel=kernel,
                image=image,
                cpus=plan.cpus,
                memory=parse_size(plan.memory, "m"),
                accel=plan.mode,
                cpu_model=plan.cpu_model,
                command_line=plan.command_line,
                timeout=plan.timeout,
                disk=disk,
                network=peer.NETWORK if plan.net else None,
            )
            with Machine(config, on_line) as machine:
                streams = plan.stream and plan.capture and self._tool
                stream = Stream(machine, self._tool, plan.capture) if streams else None
                other = peer.Peer.of(machine) if plan.net else None
                try:
                    if other:
                        other.start()
                    outcome = machine.wait()
                    self._capture(machine, plan, stream, outcome.ok)
                finally:
                    if other:
                        other.stop()
                    if stream:
                        stream.abandon()  # nothing is left to do where it has finished
        except UsageError as error:
            raise BenchError(str(error), code=2) from error
        return BootOutcome(
            kind=outcome.kind,
            reason=outcome.reason,
            seconds=outcome.seconds,
            command=shlex.join(machine.argv),
            console=machine.console,
            qemu=qemu_version(),
            arch="x86_64",
            profile=config.profile,
        )

    def _capture(self, machine: Machine, plan: BootPlan, stream: Stream | None, must_work: bool) -> None:
        if plan.capture is None or self._tool is None:
            return
        try:
            if stream:
                stream.finish(plan.metadata)
            else:
                machine.capture(plan.capture, self._tool, plan.metadata)
        except MachineError as error:
            if must_work:
                raise BenchError(f"{plan.mode}: {error}") from error

    def convert(self, capture: Path, out: Path) -> None:
        """Makes a Perfetto trace of a capture."""
        self._trace_tool("convert", str(capture), "-o", str(out))

    def latency(self, capture: Path) -> dict[str, Any]:
        """Where the time of messages goes: what weft-trace latency says."""
        return self._answer("latency", capture)

    def stat(self, capture: Path) -> dict[str, Any]:
        """What CPUs and threads did: what weft-trace stat says."""
        return self._answer("stat", capture)

    def table(self, capture: Path, name: str, columns: Sequence[str]) -> Iterator[tuple[int, ...]]:
        """Some columns of a table of what happened: weft-trace table."""
        with tempfile.TemporaryDirectory(prefix="weft-table-") as folder:
            out = Path(folder) / "table.npy"
            self._trace_tool("table", str(capture), "--name", name, "-o", str(out))
            return rows_of(out.read_bytes(), columns)

    def dump(self, capture: Path) -> Iterator[tuple[int, str]]:
        """Time and name of each record: weft-trace dump."""
        for line in self._trace_tool("dump", str(capture)).splitlines():
            time, _, _, name, *_ = line.split()
            yield int(time), name

    def _answer(self, command: str, capture: Path) -> dict[str, Any]:
        try:
            return dict(json.loads(self._trace_tool(command, "--json", str(capture))))
        except ValueError as error:
            raise BenchError(f"weft-trace {command}: not JSON: {error}") from error

    def _trace_tool(self, *arguments: str) -> str:
        assert self._tool is not None
        try:
            done = subprocess.run(
                [self._tool, *arguments], check=False, capture_output=True, text=True, timeout=TOOL_SECONDS
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise BenchError(f"weft-trace {arguments[0]}: {error}") from error
        if done.returncode < 0:
            raise BenchError(f"weft-trace {arguments[0]}: ended by {signal.Signals(-done.returncode).name}")
        if done.returncode:
            last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
            raise BenchError(f"weft-trace {arguments[0]}: {last}")
        return done.stdout


def _make_filesystem(kind: str, disk: Path) -> None:
    """All of it is there at once, so that Linux has nothing to finish in the background."""
    tool = program("mke2fs")
    if tool is None:
        raise BenchError(f"no mke2fs here to make {kind} on Linux's disk: install e2fsprogs, or run ./weft setup")
    words = ["-q", "-F", "-t", kind, "-b", "4096", "-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard"]
    made = subprocess.run([tool, *words, str(disk)], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        last = (made.stderr.strip().splitlines() or [f"exit code {made.returncode}"])[-1]
        raise BenchError(f"mke2fs cannot make {kind} on Linux's disk: {last}")
