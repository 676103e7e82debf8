# SPDX-License-Identifier: Apache-2.0
"""What a guest test's C source declares, read without compiling or booting anything.

    /* weft-test: cpus=1,4 accel=tcg,icount memory=128M append="timeslice_us=500" */
    TEST(wakes_in_order, "sleepers wake in the order in which they went to sleep")

Each TEST at the start of a line is one test; its first argument is the name that the guest reports.
Each `weft-test:` line is a set of configurations: values separated by commas make the product of
all. Without such a line there is one configuration, the defaults of `Configuration`.
"""

from __future__ import annotations

import itertools
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from weft.machine import MachineConfig, UsageError, format_size, parse_size
from weft.network import KINDS, Network

# Where guest tests live (below tests/) and how configure.py names their programs.
GUEST_TEST_ROOMS = ("guest", "boot", "kernel", "ipc", "smp")

_TEST = re.compile(r'^[ \t]*TEST\(\s*(?:"([^"\n]+)"|([A-Za-z_]\w*))', re.MULTILINE)
_HEADER = re.compile(r"weft-test:\s*(.*?)\s*(?:\*/|$)", re.MULTILINE)
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)


@dataclass(frozen=True)
class Configuration:
    """One way to boot a test program. Field names are the keys of a `weft-test:` line."""

    cpus: int = 4
    accel: str = "tcg"
    memory: int = 256 << 20
    cpu: str = "max"
    profile: str = "test"
    append: str = ""
    seed: int | None = None
    timeout: float = 60.0
    device: str = ""
    disk: int = 0  # bytes of a fresh disk; 0: none
    disk_iops: int = 0
    net: str = ""  # user: a virtio-net device; echo: and a machine that sends back what it gets; "": there is none
    display: str = ""  # none: a virtio-gpu device that nobody looks at; "": there is none
    iommu: int = 0  # 1: a machine with an IOMMU

    @property
    def name(self) -> str:
        """The part of a test's id that tells its configuration: only what is not usual."""
        usual = Configuration()
        parts = [self.accel, f"{self.cpus}cpu"]
        if self.memory != usual.memory:
            parts.append(format_size(self.memory))
        parts += [value for value in (self.cpu, self.profile) if value not in ("max", "test")]
        if self.append:
            parts.append(re.sub(r"[^A-Za-z0-9_=.]+", "_", self.append))
        if self.device:
            parts.append(self.device)
        if self.disk:
            parts.append(f"disk{format_size(self.disk)}")
        if self.disk_iops:
            parts.append(f"iops{self.disk_iops}")
        if self.net:
            parts.append(f"net_{self.net}")
        if self.display:
            parts.append("display")
        if self.iommu:
            parts.append("iommu")
        if self.seed is not None:
            parts.append(f"seed{self.seed}")
        return "-".join(parts)

    def _devices(self) -> tuple[str, ...]:
        """A comma separates configurations, so a colon stands for the one before a device's option."""
        return tuple(self.device.replace(":", ",").split("+")) if self.device else ()

    def machine(self, kernel: Path, image: Path, disk: Path | None = None) -> MachineConfig:
        return MachineConfig(
            kernel=kernel, image=image, cpus=self.cpus, memory=self.memory, accel=self.accel,
            cpu_model=self.cpu, command_line=self.append, seed=self.seed, timeout=self.timeout,
            devices=self._devices(), disk=disk, disk_iops=self.disk_iops, display=self.display,
            iommu=bool(self.iommu),
            network=Network(echo=self.net == "echo") if self.net else None,
        )  # fmt: skip


@dataclass(frozen=True)
class TestProgram:
    """One C file: what it is called in the image, its tests in order, its configurations."""

    source: Path
    name: str
    tests: tuple[str, ...]
    configurations: tuple[Configuration, ...]

    __test__ = False


def program_name(source: Path) -> str:
    """The name that configure.py gives the program of a guest test."""
    return "test_" + source.stem.removeprefix("test_")


def read_program(source: Path) -> TestProgram | None:
    """What `source` declares; None if it declares no test. Raises UsageError for a bad header."""
    text = source.read_text()
    tests = [a or b for a, b in _TEST.findall(_COMMENT.sub("", text))]
    if not tests:
        return None
    twice = {name for name in tests if tests.count(name) > 1}
    if twice:
        raise UsageError(f"{source.name}: declared twice: {', '.join(sorted(twice))}")
    found: list[Configuration] = []
    try:
        for header in _HEADER.findall(text):
            found += parse_configurations(header)
    except (UsageError, ValueError) as error:
        raise UsageError(f"{source.name}: weft-test line: {error}") from error
    configurations = tuple(dict.fromkeys(found)) or (Configuration(),)
    return TestProgram(source, program_name(source), tuple(tests), configurations)


def parse_configurations(header: str) -> list[Configuration]:
    """The product of all values in one `weft-test:` line."""
    choices: dict[str, list[object]] = {}
    for word in shlex.split(header):
        key, equals, values = word.partition("=")
        if not equals or not values:
            raise UsageError(f"not key=value: {word!r}")
        choices[key] = _values(key, values)
    return [
        Configuration(**dict(zip(choices, combination)))  # type: ignore[arg-type]
        for combination in itertools.product(*choices.values())
    ]


def _values(key: str, text: str) -> list[object]:
    parts = text.split(",")
    match key:
        case "cpus" | "seed" | "disk_iops" | "iommu":
            return [int(part) for part in parts]
        case "memory" | "disk":
            return [parse_size(part) for part in parts]
        case "timeout":
            return [float(text)]
        case "net":
            unknown = [part for part in parts if part not in KINDS]
            if unknown:
                raise UsageError(f"unknown network {unknown[0]!r} (have: {', '.join(KINDS)})")
            return list(parts)
        case "accel" | "cpu" | "profile" | "device" | "display":
            return list(parts)
        case "append":
            return [text]
    raise UsageError(f"unknown key {key!r}")
