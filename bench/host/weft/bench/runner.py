# SPDX-License-Identifier: Apache-2.0
"""Runs a suite: boots every point of its plan as often as asked, collects, checks, hands over numbers.

    outcome = Runner(options, suite, plan, launcher, progress).run()    # results.json + details.json

Order: repetitions are interleaved (icount, tcg, icount, tcg, ...; with a baseline Weft and Linux by
turns), so that a change of the host's load meets all alike. The capture is taken in the last
repetition. Each boot leaves its console and its QEMU command in the output directory, whether it
went well or not, before anything about it is judged. One that went well is kept in the store: a run that
was interrupted, or failed later, takes it from there (store.py).

A boot is a failure when the guest does not end with status 0, says something unreadable, or does
not deliver every benchmark of the suite. In icount mode repetitions of Weft that differ are a failure
too: that mode's promise is that they do not. Linux does not promise it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from weft.bench.baseline import ratios
from weft.bench.catalogue import Suite
from weft.bench.errors import BenchError
from weft.bench.figures import Figure, combine, differing, identity, pair_of, publish
from weft.bench.launcher import BootOutcome, BootPlan, Launcher
from weft.bench.plan import Options, Plan, Point
from weft.bench.progress import Progress
from weft.bench.records import BenchRecord, RecordCollector
from weft.bench.store import Store, key_of
from weft.bench.results import DETAILS_SCHEMA, RESULTS_SCHEMA, result_entry

CONSOLE_TAIL = 15
LINUX_SECONDS = 3  # times the suite's timeout: Linux boots for longer


@dataclass
class Boot:
    """One finished boot and what it said."""

    outcome: BootOutcome
    collector: RecordCollector
    console_file: Path
    load: float  # of the host, in the minute before


class Runner:
    """See the module."""

    def __init__(
        self, options: Options, suite: Suite, plan: Plan, launcher: Launcher, progress: Progress, store: Store
    ) -> None:
        self._options = options
        self._suite = suite
        self._plan = plan
        self._launcher = launcher
        self._progress = progress
        self._store = store
        self._boots: dict[tuple[Point, str], list[Boot]] = {}

    def run(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The data of results.json and of details.json (without environment and date)."""
        for repetition in range(self._options.runs):
            for point in self._plan.points:
                for system in self._plan.systems:
                    self._boots.setdefault((point, system), []).append(
                        self._boot(point, system, repetition)
                    )
        self._progress.finish()
        results: dict[str, Any] = {"schema": RESULTS_SCHEMA, "runs": []}
        details: dict[str, Any] = {
            "schema": DETAILS_SCHEMA,
            "suite": self._suite.name,
            "trace": self._options.trace,
            "command_line": self._plan.command_line(self._plan.points[0], "weft"),
            "runs": [],
        }
        for run in dict.fromkeys(point.run for point in self._plan.points):
            points = [point for point in self._plan.points if point.run == run]
            figures = [figure for point in points for figure in self._figures_of(point)]
            results["runs"].append(self._results_of(points[0], figures))
            details["runs"].append(self._details_of(points[0], figures))
            if self._suite.cost:
                details["runs"][-1]["variants"] = [self._variant_of(point) for point in points]
        if self._options.baseline:
            results["ratios"] = [ratio for point in self._plan.points for ratio in self._ratios(point)]
            details["baseline"] = self._baseline_details()
        return results, details

    # One boot

    def _boot(self, point: Point, system: str, repetition: int) -> Boot:
        suffix = self._plan.label(point, system)
        if self._options.runs > 1:
            suffix += f"-{repetition + 1}"
        last = repetition == self._options.runs - 1
        plan = BootPlan(
            mode=point.mode,
            cpus=point.cpus,
            memory=self._suite.memory,
            cpu_model=self._options.cpu_model,
            command_line=self._plan.command_line(point, system),
            timeout=self._suite.timeout_seconds * (LINUX_SECONDS if system == "linux" else 1),
            capture=self._plan.capture_path(point) if last and system == "weft" else None,
            metadata={"commit": self._options.commit, "suite": self._suite.name},
            stream=self._suite.stream,
            trace=self._plan.traced(point),
            system=system,
        )
        collector = RecordCollector()

        def on_line(line: str) -> None:
            data = collector.feed(line)
            if data and data.get("record") == "bench":
                self._progress.tick(str(data.get("name")))

        key = key_of(plan, repetition, self._launcher.identity(plan))
        kept = self._store.find(key)
        self._progress.begin("there already" if kept else "booting")
        outcome, load = kept or (None, os.getloadavg()[0])
        if outcome is None:
            outcome = self._launcher.boot(plan, on_line)
        else:
            for line in outcome.console:
                collector.feed(line)
        console_file = self._options.out / f"console-{suffix}.log"
        console_file.write_text("".join(f"{line}\n" for line in outcome.console), encoding="utf-8")
        (self._options.out / f"command-{suffix}.txt").write_text(outcome.command + "\n", encoding="utf-8")
        boot = Boot(outcome, collector, console_file, round(load, 2))
        self._judge(point, system, boot)
        if not kept:
            self._store.add(key, outcome, load, plan.capture)
        return boot

    def _judge(self, point: Point, system: str, boot: Boot) -> None:
        label = self._plan.label(point, system)
        log = f"(console: {boot.console_file})"
        tail = boot.outcome.console[-CONSOLE_TAIL:]
        if not boot.outcome.ok:
            raise BenchError(f"{label}: {boot.outcome.reason} {log}", tail)
        if boot.collector.problems:
            raise BenchError(f"{label}: {boot.collector.problems[0]} {log}")
        there = {record.name for record in boot.collector.benchmarks}
        missing = [name for name in self._plan.wanted(point, system) if name not in there]
        if missing:
            raise BenchError(f"{label}: the guest delivered no {', '.join(missing)} {log}", tail)

    # Numbers

    def _figures_of(self, point: Point) -> list[Figure]:
        """The figures of all systems at a point; a variant says its name in the parameters."""
        figures = [
            figure
            for system in self._plan.systems
            for figure in self._figures(point, system, self._boots[point, system])
        ]
        if not point.variant.name:
            return figures
        return [
            replace(
                figure,
                record=replace(figure.record, params={**figure.record.params, "variant": point.variant.name}),
            )
            for figure in figures
        ]

    def _figures(self, point: Point, system: str, boots: list[Boot]) -> list[Figure]:
        label = self._plan.label(point, system)
        columns: dict[str, list[BenchRecord]] = {}
        for boot in boots:
            for record in boot.collector.benchmarks:
                columns.setdefault(identity(record), []).append(record)
        for key, records in columns.items():
            if len(records) != len(boots):
                raise BenchError(f"{label}: {key}: {len(records)} results in {len(boots)} runs")
            if point.mode == "icount" and system == "weft" and differing(records):
                raise BenchError(
                    f"{label}: {key}: repetitions differ in {', '.join(differing(records))}, "
                    "which this mode excludes"
                )
        return [combine(records) for records in columns.values()]

    def _ratios(self, point: Point) -> list[dict[str, Any]]:
        rounds: dict[str, dict[str, list[int]]] = {}
        for system in self._plan.systems:
            medians = rounds.setdefault(system, {})
            for boot in self._boots[point, system]:
                for name in self._plan.wanted(point, system):
                    record = next(found for found in boot.collector.benchmarks if found.name == name)
                    medians.setdefault(name, []).append(record.p50)
        return ratios(point, self._plan.baseline(point), rounds["weft"], rounds["linux"])

    def _results_of(self, point: Point, figures: list[Figure]) -> dict[str, Any]:
        """Linux's cycles become ns by Weft's finding of the clock: it is the same counter."""
        boot = self._boots[point, "weft"][-1]
        clock_hz = boot.collector.find("clock_hz")
        entries = [
            result_entry(published)
            for figure in figures
            for published in publish(figure.record, point.mode, clock_hz)
        ]
        return {
            "arch": boot.outcome.arch,
            "cpus": point.cpus,
            "accel": point.mode,
            "qemu": boot.outcome.qemu,
            "cpu_model": self._options.cpu_model,
            "profile": boot.outcome.profile,
            "commit": self._options.commit,
            "results": entries,
        }

    def _details_of(self, point: Point, figures: list[Figure]) -> dict[str, Any]:
        boots = self._boots[point, "weft"]
        last = boots[-1]
        capture = self._plan.capture_path(point)
        return {
            "accel": point.mode,
            "cpus": point.cpus,
            "command": last.outcome.command,
            "seconds": [round(boot.outcome.seconds, 1) for boot in boots],
            "loads": [boot.load for boot in boots],
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
                    "medians": list(figure.medians),
                    "pair": pair_of(figure.record),
                }
                for figure in figures
            ],
        }

    def _variant_of(self, point: Point) -> dict[str, Any]:
        """A point's capture and what else its boot said."""
        capture = self._plan.capture_path(point)
        return {
            "name": point.variant.name,
            "capture": capture.name if capture else None,
            "others": self._boots[point, "weft"][-1].collector.others,
        }

    def _baseline_details(self) -> dict[str, Any]:
        """Which Linux it was, and under which circumstances."""
        boots = [boot for (_, system), boots in self._boots.items() if system == "linux" for boot in boots]
        guest = boots[-1].collector
        loads = [boot.load for done in self._boots.values() for boot in done]
        return {
            "package": self._options.baseline,
            "system": guest.find("system"),
            "clock": guest.find("clock"),
            "idle_driver": guest.find("idle_driver"),
            "command_lines": {
                self._plan.label(point, "linux"): self._plan.command_line(point, "linux")
                for point in self._plan.points
            },
            "loads": [min(loads), max(loads)],
        }
