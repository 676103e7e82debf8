# SPDX-License-Identifier: Apache-2.0
"""Which boots a run consists of, in which order, and with which words on the command line.

    plan = Plan(options, suite, catalogue)
    for point in plan.points: for system in plan.systems: plan.command_line(point, system)

A point is one place in the suite's grid: a mode, a number of CPUs, a variant. Each repetition boots
every point once, and at every point each system, so that a change of the host's load meets all alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weft.bench import linux
from weft.bench.catalogue import Benchmark, Catalogue, Suite, Variant
from weft.bench.progress import Step

GUESSED_SECONDS = {"icount": 3.0, "tcg": 4.0, "kvm": 3.0}
GUESSED_LINUX_SECONDS = {"icount": 30.0, "tcg": 8.0, "kvm": 5.0}
MAIN_TRACE_ORDER = ("kvm", "tcg", "icount")
SAMPLES, WARMUP = 2000, 200  # where the suite says nothing: what our own program then takes


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


class Plan:
    """See the module."""

    def __init__(self, options: Options, suite: Suite, catalogue: Catalogue) -> None:
        self._options = options
        self._suite = suite
        self._catalogue = catalogue
        self.systems = ("weft", "linux") if options.baseline else ("weft",)
        points = [
            Point(mode, self._cpus(variant), variant) for mode in options.modes for variant in suite.variants
        ]
        self.points = list(dict.fromkeys(points))

    def _cpus(self, variant: Variant) -> int:
        return self._options.cpus if self._options.cpus_given or not variant.cpus else variant.cpus

    def wanted(self, point: Point, system: str) -> list[str]:
        """The names that a boot must deliver."""
        if system == "linux":
            return [benchmark.name for benchmark in self.baseline(point)]
        return self._suite.wanted(self._catalogue, point.cpus, self.traced(point))

    def traced(self, point: Point) -> bool:
        """Is tracing compiled into the kernel of this point?"""
        return self._options.trace and point.variant.trace

    def baseline(self, point: Point) -> list[Benchmark]:
        """Linux's benchmarks that stand beside ours at this point."""
        return self._catalogue.baseline(self.wanted(point, "weft"), point.cpus)

    def command_line(self, point: Point, system: str) -> str:
        """The kernel's command line: of ours tracing first, the rest is for the guest's programs."""
        guest = self._options.guest
        if system == "linux":
            return linux.command_line(
                point.mode,
                point.cpus,
                self.wanted(point, system),
                int(guest.get("samples", SAMPLES)),
                int(guest.get("warmup", WARMUP)),
                f"{self._suite.linux} {point.variant.linux}",
            )
        only = ",".join(self._suite.select)
        words = [*point.variant.weft.split(), *(f"{key}={value}" for key, value in guest.items()), f"only={only}"]
        if self.traced(point):
            words.insert(0, f"trace_ring={self._suite.ring_bytes(point.cpus)}")
        return " ".join(words)

    def capture_path(self, point: Point) -> Path | None:
        """trace.weft for the mode whose timeline says most, trace-<mode>.weft for the others; of each
        mode one point is captured, the first. Where costs are compared every one is: trace-<label>.weft."""
        if self._suite.cost:
            name = f"trace-{self.label(point, 'weft')}.weft"
            return self._options.out / name if self.traced(point) else None
        first = next(other for other in self.points if other.mode == point.mode)
        if not self._options.trace or point != first:
            return None
        main = next(name for name in MAIN_TRACE_ORDER if name in self._options.modes)
        return self._options.out / ("trace.weft" if point.mode == main else f"trace-{point.mode}.weft")

    def label(self, point: Point, system: str) -> str:
        """What tells a boot from the others of the same repetition: `tcg`, `tcg-poll-linux`."""
        several = len({other.cpus for other in self.points}) > 1
        parts = [
            point.mode,
            f"{point.cpus}cpus" if several else "",
            point.variant.name,
            system if system != "weft" else "",
        ]
        return "-".join(part for part in parts if part)

    def steps(self, earlier: Callable[[str], float | None]) -> list[Step]:
        """The boots ahead, with what they took the last time or a guess."""
        steps = []
        for repetition in range(self._options.runs):
            for point in self.points:
                for system in self.systems:
                    label = self.label(point, system)
                    if self._options.runs > 1:
                        label += f" {repetition + 1}/{self._options.runs}"
                    guess = (GUESSED_LINUX_SECONDS if system == "linux" else GUESSED_SECONDS)[point.mode]
                    seconds = (earlier(point.mode) if system == "weft" else None) or guess
                    steps.append(Step(label, seconds, len(self.wanted(point, system))))
        return steps
