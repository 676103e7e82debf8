# SPDX-License-Identifier: Apache-2.0
"""From what boots said to numbers: the runs of results.json and of details.json, for one plan.

    gather = Gather(plan, boots)            # boots: {(point, system): [Boot, ...]}, a Boot per repetition
    gather.results(); gather.details(); gather.ratios(); gather.baseline()

Points at which a boot failed have no figures. In icount mode repetitions of Weft that differ are a
failure: that mode's promise is that they do not. Linux does not promise it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from weft.bench.baseline import Rounds, ratios
from weft.bench.errors import BenchError
from weft.bench.figures import Figure, combine, differing, identity, pair_of, publish
from weft.bench.launcher import BootOutcome
from weft.bench.plan import Plan, Point
from weft.bench.records import BenchRecord, RecordCollector
from weft.bench.results import result_entry


@dataclass
class Boot:
    """One finished boot and what it said."""

    outcome: BootOutcome
    collector: RecordCollector
    console_file: Path
    load: float  # of the host, in the minute before


Boots = dict[tuple[Point, str], list[Boot]]


class Gather:
    """See the module."""

    def __init__(self, plan: Plan, boots: Boots) -> None:
        self._plan = plan
        self._options = plan.options
        self._boots = boots
        self._points = [point for point in plan.points if self._whole(point)]
        self._runs = list(dict.fromkeys(point.run for point in self._points))

    def _whole(self, point: Point) -> bool:
        """Did every boot of this point go well?"""
        systems = [system for system in self._plan.systems if self._plan.wanted(point, system)]
        return all(len(self._boots.get((point, system), ())) == self._options.runs for system in systems)

    def _points_of(self, run: tuple[str, int]) -> list[Point]:
        return [point for point in self._points if point.run == run]

    def results(self) -> list[dict[str, Any]]:
        """The elements of results.json's `runs`."""
        return [self._results_of(self._points_of(run)) for run in self._runs]

    def details(self) -> list[dict[str, Any]]:
        """The elements of details.json's `runs`, in the same order."""
        return [self._details_of(self._points_of(run)) for run in self._runs]

    # Numbers

    def _figures_of(self, point: Point) -> list[Figure]:
        """The figures of all systems at a point, which says its place in their parameters."""
        figures = [
            figure
            for system in self._plan.systems
            for figure in self._figures(point, system, self._boots.get((point, system), []))
        ]
        place = point.variant.params | ({"part": self._options.part} if self._options.part else {})
        return [
            replace(figure, record=replace(figure.record, params=_placed(figure.record.params, place)))
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
            exact = point.mode == "icount" and system == "weft" and not self._plan.outside(records[0].name)
            if exact and differing(records):
                raise BenchError(
                    f"{label}: {key}: repetitions differ in {', '.join(differing(records))}, "
                    "which this mode excludes"
                )
        return [combine(records) for records in columns.values()]

    def _results_of(self, points: list[Point]) -> dict[str, Any]:
        """Linux's cycles become ns by Weft's finding of the clock: it is the same counter."""
        boot = self._boots[points[0], "weft"][-1]
        entries = [
            result_entry(published)
            for point in points
            for figure in self._figures_of(point)
            for published in publish(figure.record, point.mode, self._clock_hz(point))
        ]
        return {
            "arch": boot.outcome.arch,
            "cpus": points[0].cpus,
            "accel": points[0].mode,
            "qemu": boot.outcome.qemu,
            "cpu_model": self._options.cpu_model,
            "profile": boot.outcome.profile,
            "commit": self._options.commit,
            "results": entries,
        }

    def _clock_hz(self, point: Point) -> int | None:
        found = self._boots[point, "weft"][-1].collector.find("clock_hz")
        return int(found) if found else None

    def _details_of(self, points: list[Point]) -> dict[str, Any]:
        """What is told of a boot is told of the last one of the first point."""
        boots = self._boots[points[0], "weft"]
        last = boots[-1]
        capture = self._plan.capture_path(points[0])
        details = {
            "part": self._options.part or self._plan.suite.name,
            "accel": points[0].mode,
            "cpus": points[0].cpus,
            "command": last.outcome.command,
            "seconds": [round(boot.outcome.seconds, 1) for boot in boots],
            "loads": [boot.load for boot in boots],
            "clock_hz": last.collector.find("clock_hz"),
            "console": [str(boot.console_file.relative_to(self._options.out)) for boot in boots],
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
                for point in points
                for figure in self._figures_of(point)
            ],
        }
        if self._plan.suite.cost:
            details["variants"] = [self._variant_of(point) for point in points]
        return details

    def _variant_of(self, point: Point) -> dict[str, Any]:
        """A point's capture and what else its boot said."""
        capture = self._plan.capture_path(point)
        return {
            "name": point.variant.name,
            "capture": capture.name if capture else None,
            "others": self._boots[point, "weft"][-1].collector.others,
        }

    # The baseline

    def ratios(self) -> list[dict[str, Any]]:
        """The elements of results.json's `ratios`."""
        return [ratio for point in self._points for ratio in self._ratios(point)]

    def _ratios(self, point: Point) -> list[dict[str, Any]]:
        rounds: dict[str, Rounds] = {system: {} for system in self._plan.systems}
        for system, medians in rounds.items():
            for boot in self._boots.get((point, system), []):
                first: dict[tuple[str, int | None], int] = {}  # of those that differ in something else
                for name in self._plan.wanted(point, system):
                    for record in boot.collector.benchmarks:
                        if record.name == name:
                            first.setdefault((name, record.params.get("cpus")), record.p50)
                for key, p50 in first.items():
                    medians.setdefault(key, []).append(p50)
        cpu_model = self._plan.cpu_model(point)
        return ratios(point, cpu_model, self._plan.baseline(point), rounds["weft"], rounds["linux"])

    def baseline(self) -> dict[str, Any]:
        """Which Linux it was, and under which circumstances; empty where none came to its end."""
        boots = [boot for (_, system), boots in self._boots.items() if system == "linux" for boot in boots]
        if not boots:
            return {}
        guest = boots[-1].collector
        loads = [boot.load for done in self._boots.values() for boot in done]
        return {
            "package": self._options.baseline,
            "system": guest.find("system"),
            "clock": guest.find("clock"),
            "idle_driver": guest.find("idle_driver"),
            "facts": {
                self._plan.label(point, "linux"): self._facts(point)
                for point in self._points
                if self._plan.wanted(point, "linux")
            },
            "command_lines": {
                self._plan.label(point, "linux"): self._plan.command_line(point, "linux")
                for point in self._points
                if self._plan.wanted(point, "linux")
            },
            "loads": [min(loads), max(loads)],
        }

    def _facts(self, point: Point) -> dict[str, Any]:
        """What Linux said of itself at a point: how it idles, and what it does about flaws of processors."""
        guest = self._boots[point, "linux"][-1].collector
        flaws = guest.find("mitigations") or {}
        return {
            "cpu_model": self._plan.cpu_model(point),
            "idle": guest.find("idle"),
            "mwait": guest.find("mwait"),
            "mitigations": {flaw: text for flaw, text in sorted(flaws.items()) if text != "Not affected"},
        }


def _placed(params: dict[str, Any], place: dict[str, Any]) -> dict[str, Any]:
    """A figure's parameters with those of its place. Where the guest gives one of the name another
    meaning, the place's stands there as `grid.<name>`."""
    return params | {
        key if params.get(key, value) == value else f"grid.{key}": value for key, value in place.items()
    }
