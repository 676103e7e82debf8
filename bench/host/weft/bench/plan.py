# SPDX-License-Identifier: Apache-2.0
"""Which boots a suite consists of, in which order, and with which words on the command line.

    plan = Plan(options, suite, catalogue)
    for job in plan.jobs(): job.label, job.boot, job.wanted

A point is one place in the suite's grid: a mode, a number of CPUs, a variant. Each repetition boots
every point once, and at every point each system, so that a change of the host's load meets all alike.
Points at which nothing can be measured (a call between cores on one CPU) are left out, and `left_out` says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from weft.bench import linux
from weft.bench.catalogue import Benchmark, Catalogue, Suite, Variant
from weft.bench.errors import BenchError
from weft.bench.launcher import BootPlan
from weft.bench.progress import Step
from weft.machine_config import parse_size

GUESSED_SECONDS = {"icount": 3.0, "tcg": 4.0, "kvm": 3.0}
GUESSED_LINUX_SECONDS = {"icount": 30.0, "tcg": 8.0, "kvm": 5.0}
LINUX_SECONDS = 3  # times the suite's timeout: Linux boots for longer
MAIN_TRACE_ORDER = ("kvm", "tcg", "icount")
SAMPLES, WARMUP = 2000, 200  # where the suite says nothing: what our own program then takes
BOOTS = "boots"  # the folder for what each boot printed, where there are many


class NothingToMeasure(BenchError):
    """No boot of a suite could deliver anything."""


@dataclass(frozen=True)
class Options:
    """What the user asked for, settled."""

    out: Path
    modes: tuple[str, ...]
    cpus: int
    cpu_model: str
    runs: int
    trace: bool
    commit: str
    guest: dict[str, Any]
    cpus_given: bool = False  # by the user: then a variant's own number does not count
    baseline: str = ""  # the package of the Linux to compare with; empty: no comparison
    part: str = ""  # of a suite that is made of several: which one this is


@dataclass(frozen=True)
class Point:
    """One place in the grid."""

    mode: str
    cpus: int
    variant: Variant

    @property
    def run(self) -> tuple[str, int]:
        """Points that differ in the variant only make one run in results.json."""
        return self.mode, self.cpus


@dataclass(frozen=True)
class Job:
    """One boot to be made."""

    name: str  # the same for all repetitions
    label: str  # no other boot of the run has it
    point: Point
    system: str
    repetition: int
    boot: BootPlan
    wanted: tuple[str, ...]  # the names that it must deliver
    folder: Path  # for its console and its command

    def step(self, known: float | None) -> Step:
        """For the time left: what it took the last time, or a guess."""
        guess = (GUESSED_LINUX_SECONDS if self.system == "linux" else GUESSED_SECONDS)[self.point.mode]
        kind = "" if known else f"{self.system} {self.point.mode}"
        return Step(self.label, known or guess, len(self.wanted), kind)


class Plan:
    """See the module."""

    def __init__(self, options: Options, suite: Suite, catalogue: Catalogue) -> None:
        self.options = options
        self.suite = suite
        self._catalogue = catalogue
        self.systems = ("weft", "linux") if options.baseline else ("weft",)
        every = dict.fromkeys(  # those that differed in a number of CPUs that does not count are one
            Point(mode, self._cpus(variant), replace(variant, cpus=0))
            for mode in options.modes
            for variant in suite.variants
            if mode in variant.modes or not variant.modes
        )
        there = {point for point in every if self.wanted(point, "weft")}
        self.points = [point for point in every if point in there]
        self.left_out = [
            f"{self.label(point, 'weft')}: nothing can be measured with {point.cpus} CPU{'s' * (point.cpus > 1)}"
            for point in every
            if point not in there
        ]
        if not self.points:
            reason = f" with {options.cpus} CPU{'s' * (options.cpus > 1)}" if self.left_out else ""
            raise NothingToMeasure(f"suite {suite.name}: there is nothing to measure{reason}", code=2)

    def _cpus(self, variant: Variant) -> int:
        return self.options.cpus if self.options.cpus_given or not variant.cpus else variant.cpus

    def jobs(self) -> Iterator[Job]:
        """All boots, in their order."""
        for repetition in range(self.options.runs):
            for point in self.points:
                for system in self.systems:
                    if self.wanted(point, system):
                        yield self._job(point, system, repetition)

    def _job(self, point: Point, system: str, repetition: int) -> Job:
        last = repetition == self.options.runs - 1
        boot = BootPlan(
            mode=point.mode,
            cpus=point.cpus,
            memory=self.suite.memory,
            cpu_model=self.cpu_model(point),
            command_line=self.command_line(point, system),
            timeout=self.suite.timeout_seconds * (LINUX_SECONDS if system == "linux" else 1),
            capture=self.capture_path(point) if last and system == "weft" else None,
            metadata={"commit": self.options.commit, "suite": self.suite.name},
            stream=self.suite.stream,
            trace=self.traced(point),
            system=system,
            disk=parse_size(self.suite.disk or "0"),
            filesystem=self.suite.filesystem if system == "linux" else "",
            image=self.suite.image,
            net=self.suite.net,
            design=point.variant.design,
        )
        name = self.label(point, system)
        label = f"{name}-{repetition + 1}" if self.options.runs > 1 else name
        wanted = tuple(self.wanted(point, system))
        return Job(name, label, point, system, repetition, boot, wanted, self.folder)

    @property
    def folder(self) -> Path:
        """Where consoles and commands go: of many boots into a folder of their own."""
        many = self.options.part or self.suite.grid
        return self.options.out / BOOTS if many else self.options.out

    def wanted(self, point: Point, system: str) -> list[str]:
        """The names that a boot must deliver."""
        if system == "linux":
            return [benchmark.name for benchmark in self.baseline(point)]
        return self.suite.wanted(self._catalogue, point.cpus, self.traced(point), point.variant)

    def outside(self, name: str) -> bool:
        """Does this benchmark wait for what the host does?"""
        benchmark = self._catalogue.benchmarks.get(name)
        return benchmark is not None and benchmark.outside

    def cpu_model(self, point: Point) -> str:
        """QEMU's, without the features that the variant leaves out."""
        without = [f"-{feature}" for feature in point.variant.without.split(",") if feature]
        return ",".join([self.options.cpu_model, *without])

    def traced(self, point: Point) -> bool:
        """Is tracing compiled into the kernel of this point?"""
        return self.options.trace and point.variant.trace

    def baseline(self, point: Point) -> list[Benchmark]:
        """Linux's benchmarks that stand beside ours at this point."""
        return self._catalogue.baseline(self.wanted(point, "weft"), point.cpus)

    def command_line(self, point: Point, system: str) -> str:
        """The kernel's command line: of ours tracing first, the rest is for the guest's programs."""
        guest = self.options.guest | {key: value for key, value in point.variant.grid if key in self.options.guest}
        if system == "linux":
            return linux.command_line(
                point.mode,
                point.cpus,
                self.wanted(point, system),
                int(guest.get("samples", SAMPLES)),
                int(guest.get("warmup", WARMUP)),
                f"{self.suite.linux} {point.variant.linux}",
            )
        varied = {key for key, _ in point.variant.grid}
        words = [*point.variant.weft.split(), *(f"{key}={value}" for key, value in guest.items() if key not in varied)]
        words.append(f"only={','.join(point.variant.select or self.suite.select)}")
        if self.traced(point):
            words.insert(0, f"trace_ring={self.suite.ring_bytes(point.cpus)}")
        return " ".join(words)

    @cached_property
    def _captured(self) -> dict[str, Point]:
        """Of each mode the point that is captured: the first with tracing."""
        if not self.options.trace:
            return {}
        return {point.mode: point for point in reversed(self.points) if self.traced(point)}

    def capture_path(self, point: Point) -> Path | None:
        """trace.weft for the mode whose timeline says most, trace-<mode>.weft for the others; of each
        mode one point is captured, the first. Where costs are compared every one is: trace-<label>.weft."""
        if self.suite.cost:
            name = f"trace-{self.label(point, 'weft')}.weft"
            return self.options.out / name if self.traced(point) else None
        if self._captured.get(point.mode) != point:
            return None
        main = next(name for name in MAIN_TRACE_ORDER if name in self.options.modes)
        parts = ["trace", self.options.part, "" if point.mode == main else point.mode]
        return self.options.out / f"{'-'.join(part for part in parts if part)}.weft"

    @cached_property
    def _several(self) -> bool:
        """Are there boots with different numbers of CPUs?"""
        return len({self._cpus(variant) for variant in self.suite.variants}) > 1

    def label(self, point: Point, system: str) -> str:
        """What tells a boot from the others of the same repetition: `tcg`, `tcg-poll-linux`."""
        parts = [
            self.options.part,
            point.mode,
            f"{point.cpus}cpus" if self._several else "",
            point.variant.label,
            system if system != "weft" else "",
        ]
        return "-".join(part for part in parts if part)
