# SPDX-License-Identifier: Apache-2.0
"""What machine to boot: the description, its check, and the exact QEMU command line.

A MachineConfig is plain data. `validate()` refuses what cannot work with a UsageError whose text is
one line for people; `argv()` turns a valid description into QEMU's arguments. Nothing here starts
a process; `weft.machine` does.

Invariants:
- the same description gives the same arguments, byte for byte, except for the numbers of the file
  descriptors that are handed in;
- in icount mode everything the guest can read from the host is pinned (clock, random seed), so that
  the figures depend on the binary, the command line and the seed only;
- `accel` is one of the three ways to run. "auto" is settled by `weft.accel` before it gets here.
"""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass, replace
from pathlib import Path

from weft.failure import Failure
from weft.network import Network

MIB = 1 << 20
GIB = 1 << 30

CPUS_MAX = 255
MEMORY_MIN = 64 * MIB
REBOOTS_MAX = 1000
SECTOR = 512
IOPS_MAX = 1_000_000
TIMEOUT_MAX = 2_000_000.0  # seconds: three weeks, which is what may be waited for at once
COMMAND_LINE_MAX = 1023  # the kernel keeps 1024 bytes, terminator included
ACCELERATORS = ("icount", "tcg", "kvm")
DISPLAYS = ("none", "vnc", "gtk", "sdl")

_SIZE = re.compile(r"^(\d+)\s*([kmgt]?)(?:i?b)?$", re.IGNORECASE)
_SIZE_FACTOR = {"": 1, "k": 1 << 10, "m": MIB, "g": GIB, "t": 1 << 40}
_DEVICE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.,+=-]*$")
_CPU_MODEL = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.,+=-]*$")


class UsageError(Failure):
    """The caller asked for something that cannot be done; str() is one line for people."""

    def __init__(self, line: str) -> None:
        super().__init__(line, code=2)


@dataclass(frozen=True)
class Descriptors:
    """File descriptors that QEMU inherits: console (to write), QMP monitor, the guest's memory, its terminal."""

    console: int
    qmp: int
    memory: int
    terminal: int | None = None


def parse_size(text: str, unit: str = "") -> int:
    """Bytes of "64M", "6 GiB", "4096"; a bare number counts in `unit` ("" = bytes, "m" = MiB)."""
    match = _SIZE.match(text.strip())
    if not match:
        raise UsageError(f"not a size: {text!r} (write it like 64M or 6G)")
    return int(match[1]) * _SIZE_FACTOR[match[2].lower() or unit]


def make_disk(path: Path, size: int) -> None:
    """A new file of zeros. Raises UsageError, and then leaves nothing behind."""
    if size < SECTOR or size % SECTOR:
        raise UsageError(f"a disk has whole sectors of {SECTOR} bytes, not {size} bytes")
    if path.exists():
        raise UsageError(f"{path} exists already")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            try:
                file.truncate(size)
            except (OSError, OverflowError):
                path.unlink()
                raise
    except OSError as error:
        raise UsageError(f"cannot make the disk {path}: {error.strerror}") from error
    except OverflowError as error:
        raise UsageError(f"cannot make the disk {path}: no file is so large") from error


def format_size(size: int) -> str:
    """The shortest exact form: 256M, 6G, 65537."""
    for suffix, factor in (("G", GIB), ("M", MIB), ("K", 1 << 10)):
        if size and size % factor == 0:
            return f"{size // factor}{suffix}"
    return str(size)


def host_memory_limit() -> int:
    """The most memory a guest may get. Only touched pages cost the host anything, hence the floor."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(physical, 8 * GIB)


@dataclass(frozen=True)
class MachineConfig:
    """One machine. Memory is in bytes, timeouts are in seconds; `gdb` is a TCP port on localhost."""

    kernel: Path
    image: Path | None = None
    cpus: int = 4
    memory: int = 256 * MIB
    accel: str = "tcg"
    cpu_model: str = "max"
    command_line: str = ""
    seed: int | None = None
    timeout: float = 60.0
    gdb: int | None = None
    reboots: int = 0  # how often the guest may start again when it resets
    devices: tuple[str, ...] = ()  # more of them, as QEMU's -device takes each
    disk: Path | None = None  # a file of raw sectors, behind a virtio-blk device
    disk_log: Path | None = None  # where QEMU notes each write to the disk, see weft.powercut_log
    disk_iops: int = 0  # how many requests a second the disk takes; 0: as many as it can
    network: Network | None = None  # a virtio-net device; None: there is none
    display: str = ""  # a virtio-gpu device, and how people see it (DISPLAYS); "": there is none
    iommu: bool = False  # a machine with Intel's IOMMU, and all virtio devices behind it
    terminal: bool = False  # a second serial port, both ways
    qemu: str = "qemu-system-x86_64"

    @property
    def profile(self) -> str:
        """The kernel's variant, which is the name of the directory it was built in."""
        return self.kernel.parent.name

    @property
    def unit(self) -> str:
        """What a tick of the guest's clock means in this mode."""
        return "instructions" if self.accel == "icount" else "cycles"

    @property
    def full_command_line(self) -> str:
        """The kernel's command line with the seed, as the guest gets it."""
        words = [self.command_line] if self.command_line else []
        if self.seed is not None:
            words.append(f"seed={self.seed}")
        return " ".join(words)

    def validate(self) -> None:
        """Raises UsageError for the first thing that cannot work."""
        if not 1 <= self.cpus <= CPUS_MAX:
            raise UsageError(f"cpus must be 1 to {CPUS_MAX}, not {self.cpus}")
        self._validate_memory()
        if self.accel not in ACCELERATORS:
            raise UsageError(f"unknown accelerator {self.accel!r} (have: {', '.join(ACCELERATORS)}, auto)")
        if not _CPU_MODEL.match(self.cpu_model):
            raise UsageError(f"not a CPU model: {self.cpu_model!r}")
        for device in self.devices:
            if not _DEVICE.match(device):
                raise UsageError(f"not a device: {device!r}")
        self._validate_disk()
        if self.display not in ("", *DISPLAYS):
            raise UsageError(f"unknown display {self.display!r} (have: {', '.join(DISPLAYS)})")
        if not self.timeout > 0:
            raise UsageError(f"timeout must be more than 0 seconds, not {self.timeout:g}")
        if self.timeout > TIMEOUT_MAX:
            raise UsageError(f"timeout must be at most {TIMEOUT_MAX:.0f} seconds, not {self.timeout:g}")
        if self.gdb is not None and not 1 <= self.gdb <= 65535:
            raise UsageError(f"gdb port must be 1 to 65535, not {self.gdb}")
        if not 0 <= self.reboots <= REBOOTS_MAX:
            raise UsageError(f"reboots must be 0 to {REBOOTS_MAX}, not {self.reboots}")
        if self.reboots and self.gdb is not None:
            raise UsageError("with a debugger there are no reboots")
        if self.seed is not None and not 0 <= self.seed < 1 << 64:
            raise UsageError(f"seed must be 0 to 2^64-1, not {self.seed}")
        self._validate_command_line()
        for what, path in (("kernel", self.kernel), ("boot image", self.image)):
            if path is not None and not path.is_file():
                raise UsageError(f"no {what} at {path}")

    def _validate_disk(self) -> None:
        if not 0 <= self.disk_iops <= IOPS_MAX:
            raise UsageError(f"requests a second must be 0 to {IOPS_MAX}, not {self.disk_iops}")
        if self.disk is None:
            return
        if self.disk.is_dir():
            raise UsageError(f"a disk is a file, and {self.disk} is a folder")
        if not self.disk.is_file():
            raise UsageError(f"no disk at {self.disk} (make one: truncate -s 64M {self.disk})")
        size = self.disk.stat().st_size
        if size == 0 or size % SECTOR:
            raise UsageError(f"a disk has whole sectors of {SECTOR} bytes: {self.disk} has {size} bytes")

    def _validate_memory(self) -> None:
        limit = host_memory_limit()
        if self.memory < MEMORY_MIN:
            raise UsageError(
                f"memory must be at least {format_size(MEMORY_MIN)}, not {format_size(self.memory)}"
            )
        if self.memory > limit:
            raise UsageError(
                f"memory must be at most {limit // MIB}M on this host, not {format_size(self.memory)}"
            )
        if self.memory % MIB:
            raise UsageError(f"memory must be whole MiB, not {self.memory} bytes")

    def _validate_command_line(self) -> None:
        line = self.full_command_line
        if len(line.encode()) > COMMAND_LINE_MAX:
            raise UsageError(f"command line is longer than {COMMAND_LINE_MAX} bytes")
        if not line.isprintable():
            raise UsageError("command line must be one line of printable characters")

    def argv(self, fds: Descriptors) -> list[str]:
        """QEMU's arguments with console, QMP and memory on inherited descriptors."""
        return [
            *self._machine_argv(f"/proc/self/fd/{fds.memory}"),
            *("-chardev", f"file,id=console,path=/proc/self/fd/{fds.console}"),
            *("-serial", "chardev:console"),
            *self._terminal_argv(fds),
            *("-chardev", f"socket,id=qmp,fd={fds.qmp}", "-mon", "chardev=qmp,mode=control"),
        ]

    def _terminal_argv(self, fds: Descriptors) -> list[str]:
        if not self.terminal:
            return []
        return ["-chardev", f"socket,id=terminal,fd={fds.terminal}", "-serial", "chardev:terminal"]

    def standalone_argv(self) -> list[str]:
        """The same machine for a person at a terminal: console on stdio, no QMP, no shared memory."""
        console = ["-serial", "file:/dev/stdout"] if self.terminal else []  # then stdio is the guest's terminal
        return [*replace(self, reboots=0)._machine_argv(None), *console, "-serial", "mon:stdio"]

    def standalone_command(self) -> str:
        """standalone_argv() as one line for a shell."""
        return shlex.join(self.standalone_argv())

    def _machine_argv(self, memory_path: str | None) -> list[str]:
        machine = "q35,sata=off,smbus=off" if self.iommu else "pc"
        machine += ",smm=off,vmport=off,usb=off"
        argv = [self.qemu, "-nodefaults", "-no-user-config", "-no-reboot", *self._display_argv()]
        if self.reboots:  # a reset stops it, with its memory as it is; Machine starts it, now and then again
            argv += ["-no-shutdown", "-S"]
        if memory_path is not None:
            machine += ",memory-backend=ram"
            argv += ["-object"]
            argv += [f"memory-backend-file,id=ram,size={self.memory},mem-path={memory_path},share=on"]
        argv += ["-machine", machine, "-m", f"{self.memory // MIB}M"]
        argv += ["-smp", str(self.cpus), "-cpu", self.cpu_model, *self._accel_argv()]
        argv += ["-device", "isa-debug-exit,iobase=0xf4,iosize=4"]
        if self.iommu:  # before the devices that are behind it
            argv += ["-device", "intel-iommu,intremap=off"]
        for device in self.devices:
            argv += ["-device", self._device(device)]
        if self.disk is not None:
            argv += self._disk_argv(self.disk)
        if self.network is not None:
            argv += ["-netdev", self.network.netdev(), "-device", self._device(self.network.device)]
        if self.display:
            argv += ["-device", self._device("virtio-gpu-pci")]
        argv += ["-kernel", str(self.kernel)]
        if self.image is not None:
            argv += ["-initrd", str(self.image)]
        if self.full_command_line:
            argv += ["-append", self.full_command_line]
        if self.gdb is not None:
            argv += ["-gdb", f"tcp:127.0.0.1:{self.gdb}", "-S"]
        return argv

    def _display_argv(self) -> list[str]:
        """Where QEMU shows what the device has. For VNC the first free port counts, on this host only."""
        if self.display == "vnc":
            return ["-display", "none", "-vnc", "127.0.0.1:0,to=99"]
        return ["-display", self.display or "none"]

    def _disk_argv(self, disk: Path) -> list[str]:
        """One modern virtio-blk device; what it has written is in the file when QEMU has ended."""
        device = ["-device", "virtio-blk-pci-non-transitional,drive=disk"]
        if self.disk_log is not None:
            nodes = {"data": disk, "log": self.disk_log}
            files = [f"driver=file,node-name={name},filename={str(path).replace(',', ',,')}" for name, path in nodes.items()]
            filtered = "driver=blklogwrites,node-name=disk,file=data,log=log,log-sector-size=512"
            return [*(word for node in (*files, filtered) for word in ("-blockdev", node)), *device]
        drive = f"if=none,id=disk,format=raw,discard=unmap,file={str(disk).replace(',', ',,')}"
        if self.disk_iops:
            drive += f",throttling.iops-total={self.disk_iops}"
        return ["-drive", drive, "-device", self._device("virtio-blk-pci-non-transitional,drive=disk")]

    def _device(self, device: str) -> str:
        """The device as it has to be said: QEMU's virtio devices go around an IOMMU unless told otherwise."""
        return f"{device},iommu_platform=on" if self.iommu and device.startswith("virtio-") else device

    def _accel_argv(self) -> list[str]:
        if self.accel == "icount":
            clock = ["-rtc", "base=2026-01-01T00:00:00,clock=vm"]
            seed = ["-seed", str((self.seed or 0) & 0xFFFFFFFF)]
            return ["-accel", "tcg", "-icount", "shift=0,sleep=off", *clock, *seed]
        if self.accel == "tcg":
            return ["-accel", "tcg,thread=multi"]
        return ["-accel", "kvm"]
