# SPDX-License-Identifier: Apache-2.0
"""Runs a suite: boots every mode as often as asked, collects, checks, and hands over the numbers.

    outcome = Runner(options, suite, launcher, progress).run()      # results.json + details.json data

Order: repetitions are interleaved (icount, tcg, icount, tcg, ...), so that a change of the host's
load meets all modes alike. The capture is taken in the last repetition. Each boot leaves its
console and its QEMU command in the output directory, whether it went well or not, before anything
about it is judged.

A boot is a failure when the guest does not end with status 0, says something unreadable, or does
not deliver every benchmark of the suite. In icount mode repetitions that differ are a failure too:
that mode's promise is that they do not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weft.bench.catalogue import Suite
from weft.bench.errors import BenchError
from weft.bench.figures import Figure, combine, differing, identity, pair_of, publish
from weft.bench.launcher import BootOutcome, BootPlan, Launcher
from weft.bench.progress import Progress, Step
from weft.bench.records import BenchRecord, RecordCollector
from weft.bench.results import DETAILS_SCHEMA, RESULTS_SCHEMA, result_entry

CONSOLE_TAIL = 15
GUESSED_SECONDS = {"icount": 3.0, "tcg": 4.0, "kvm": 3.0}
MAIN_TRACE_ORDER = ("kvm", "tcg", "icount")


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


@dataclass
class Boot:
    """One finished boot and what it said."""

    outcome: BootOutcome
    collector: RecordCollector
    console_file: Path


class Runner:
    """See the module."""

    def __init__(self, options: Options, suite: Suite, launcher: Launcher, progress: Progress) -> None:
        self._options = options
        self._suite = suite
        self._launcher = launcher
        self._progress = progress
        self._wanted = suite.wanted(options.cpus, options.trace)

    def run(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The data of results.json and of details.json (without environment and date)."""
        boots: dict[str, list[Boot]] = {mode: [] for mode in self._options.modes}
        for repetition in range(self._options.runs):
            for mode in self._options.modes:
                boots[mode].append(self._boot(mode, repetition))
        self._progress.finish()
        results: dict[str, Any] = {"schema": RESULTS_SCHEMA, "runs": []}
        details: dict[str, Any] = {
            "schema": DETAILS_SCHEMA,
            "suite": self._suite.name,
            "trace": self._options.trace,
            "command_line": self.command_line(),
            "runs": [],
        }
        for mode, done in boots.items():
            figures = self._figures(mode, done)
            results["runs"].append(self._results_of(mode, done[-1], figures))
            details["runs"].append(self._details_of(mode, done, figures))
        return results, details

    def command_line(self) -> str:
        """The kernel's command line: tracing first, the rest is for the guest's programs."""
        words = [f"{key}={value}" for key, value in self._options.guest.items()]
        if self._options.trace:
            words.insert(0, f"trace_ring={self._suite.ring_bytes(self._options.cpus) >> 10}K")
        return " ".join(words)

    # One boot

    def _boot(self, mode: str, repetition: int) -> Boot:
        suffix = f"{mode}-{repetition + 1}" if self._options.runs > 1 else mode
        last = repetition == self._options.runs - 1
        plan = BootPlan(
            mode=mode,
            cpus=self._options.cpus,
            memory=self._suite.memory,
            cpu_model=self._options.cpu_model,
            command_line=self.command_line(),
            timeout=self._suite.timeout_seconds,
            capture=self.capture_path(mode) if self._options.trace and last else None,
            metadata={"commit": self._options.commit, "suite": self._suite.name},
        )
        collector = RecordCollector()
        self._progress.begin("booting")

        def on_line(line: str) -> None:
            data = collector.feed(line)
            if data and data.get("record") == "bench":
                self._progress.tick(str(data.get("name")))

        outcome = self._launcher.boot(plan, on_line)
        console_file = self._options.out / f"console-{suffix}.log"
        console_file.write_text("".join(f"{line}\n" for line in outcome.console), encoding="utf-8")
        (self._options.out / f"command-{suffix}.txt").write_text(outcome.command + "\n", encoding="utf-8")
        boot = Boot(outcome, collector, console_file)
        self._judge(mode, boot)
        return boot

    def capture_path(self, mode: str) -> Path:
        """trace.weft for the mode whose timeline says most, trace-<mode>.weft for the others."""
        main = next(name for name in MAIN_TRACE_ORDER if name in self._options.modes)
        return self._options.out / ("trace.weft" if mode == main else f"trace-{mode}.weft")

    def _judge(self, mode: str, boot: Boot) -> None:
        log = f"(console: {boot.console_file})"
        tail = boot.outcome.console[-CONSOLE_TAIL:]
        if not boot.outcome.ok:
            raise BenchError(f"{mode}: {boot.outcome.reason} {log}", tail)
        if boot.collector.problems:
            raise BenchError(f"{mode}: {boot.collector.problems[0]} {log}")
        there = {record.name for record in boot.collector.benchmarks}
        missing = [name for name in self._wanted if name not in there]
        if missing:
            raise BenchError(f"{mode}: the guest delivered no {', '.join(missing)} {log}", tail)

    # Numbers

    def _figures(self, mode: str, boots: list[Boot]) -> list[Figure]:
        columns: dict[str, list[BenchRecord]] = {}
        for boot in boots:
            for record in boot.collector.benchmarks:
                columns.setdefault(identity(record), []).append(record)
        for key, records in columns.items():
            if len(records) != len(boots):
                raise BenchError(f"{mode}: {key}: {len(records)} results in {len(boots)} runs")
            if mode == "icount" and differing(records):
                raise BenchError(
                    f"icount: {key}: repetitions differ in {', '.join(differing(records))}, "
                    "which this mode excludes"
                )
        return [combine(records) for records in columns.values()]

    def _results_of(self, mode: str, boot: Boot, figures: list[Figure]) -> dict[str, Any]:
        clock_hz = boot.collector.find("clock_hz")
        entries = [
            result_entry(published)
            for figure in figures
            for published in publish(figure.record, mode, clock_hz)
        ]
        return {
            "arch": boot.outcome.arch,
            "cpus": self._options.cpus,
            "accel": mode,
            "qemu": boot.outcome.qemu,
            "cpu_model": self._options.cpu_model,
            "profile": boot.outcome.profile,
            "commit": self._options.commit,
            "results": entries,
        }

    def _details_of(self, mode: str, boots: list[Boot], figures: list[Figure]) -> dict[str, Any]:
        last = boots[-1]
        capture = self.capture_path(mode) if self._options.trace else None
        return {
            "accel": mode,
            "command": last.outcome.command,
            "seconds": [round(boot.outcome.seconds, 1) for boot in boots],
            "clock_hz": last.collector.find("clock_hz"),
            "console": [boot.console_file.name for boot in boots],
            "capture": capture.name if capture else None,
            "others": last.collector.others,
            "figures": [
                {
                    **figure.record.as_dict(),
                    "repetitions": figure.repetitions,
                    "p50_low": figure.p50_low,
                    "p50_high": figure.p50_high,
                    "pair": pair_of(figure.record),
                }
                for figure in figures
            ],
        }


def plan_steps(
    modes: tuple[str, ...], runs: int, wanted: int, earlier: Callable[[str], float | None]
) -> list[Step]:
    """The boots ahead, with what they took the last time or a guess."""
    steps = []
    for repetition in range(runs):
        for mode in modes:
            label = f"{mode} {repetition + 1}/{runs}" if runs > 1 else mode
            steps.append(Step(label, earlier(mode) or GUESSED_SECONDS[mode], wanted))
    return steps
