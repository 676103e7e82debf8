# SPDX-License-Identifier: Apache-2.0
"""The data of one report, with the questions that its sections ask of them.

`View` reads results.json (what everybody sees), details.json (histograms, files, places in timelines,
environment) and the catalogue (words, peers), and never changes them. All sections, whether they become
HTML, Markdown or CSV, work on its `entries`: one for each figure, that is for each benchmark, mode, number
of CPUs and set of parameters, with values in the unit in which they are shown: instructions in icount mode,
ns otherwise.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePath
from typing import Any
from urllib.parse import quote, urlencode

from weft.bench.catalogue import Benchmark, Catalogue
from weft.bench.figures import FOUND_OUT
from weft.bench.records import STATISTICS

Params = tuple[tuple[str, Any], ...]
DESIGNS = ("variant", "design")  # parameters whose values speak for themselves
NOT_TOLD = FOUND_OUT | {"warmup", "part"}
GROUPS = {"ipc": "IPC", "trace": "Tracing"}


@dataclass(frozen=True)
class Place:
    """Where a figure's samples lie in a timeline."""

    trace: str  # a file beside the report
    start: int | None = None  # ns, as the trace commands print them
    end: int | None = None
    tracks: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        """The place as `weft view --report` takes it."""
        parts: dict[str, Any] = {"trace": self.trace}
        parts |= {} if self.start is None else {"from": self.start, "to": self.end}
        parts |= {"tracks": ",".join(self.tracks)} if self.tracks else {}
        return urlencode(parts, quote_via=quote)


@dataclass(frozen=True)
class Entry:
    """One figure."""

    mode: str
    cpus: int
    name: str
    params: Params  # what tells it from others; of the variant too
    unit: str
    n: int
    values: dict[str, int]  # of each statistic
    cycles: int | None  # the median in cycles of the guest's clock, where that is not the unit
    histogram: list[list[int]]
    repetitions: int
    low: int  # the lowest median of the repetitions, and the highest
    high: int
    pair: tuple[int, int] | None
    place: Place | None
    run: int  # its place in results.json's runs
    part: str = ""  # of a suite that is made of parts
    calls: dict[str, Place] = field(default_factory=dict)

    @property
    def p50(self) -> int:
        return self.values["p50"]

    @property
    def variant(self) -> str:
        return str(dict(self.params).get("variant", ""))

    @property
    def design(self) -> str:
        """What of a suite's variants it is one of."""
        params = dict(self.params)
        return " ".join(str(params[key]) for key in DESIGNS if params.get(key))

    @property
    def constant(self) -> bool:
        return self.values["min"] == self.values["max"]


@dataclass(frozen=True)
class View:
    """See the module."""

    results: dict[str, Any]
    details: dict[str, Any]
    catalogue: Catalogue

    @cached_property
    def entries(self) -> list[Entry]:
        """All figures: in the catalogue's order, then as measured."""
        grids = {part["name"]: part.get("grid") or {} for part in self.details.get("parts", ())}
        found = [
            entry
            for index, detail in enumerate(self.details["runs"])
            for entry in _entries_of(index, detail, grids.get(detail.get("part"), {}))
        ]
        order = {name: place for place, name in enumerate(self.catalogue.benchmarks)}
        return sorted(found, key=lambda entry: order.get(entry.name, len(order)))

    @cached_property
    def rows(self) -> list[Entry]:
        """Those that stand in tables: a matrix has a picture instead."""
        return [entry for entry in self.entries if not self.catalogue.is_matrix(entry.name)]

    @cached_property
    def varying(self) -> dict[tuple[str, str], list[str]]:
        """For each name in each part: the parameters in which its figures of one mode differ, `cpus` among
        them."""
        values: dict[tuple[str, str, str], dict[str, set[str]]] = {}
        for entry in self.entries:
            seen = values.setdefault((entry.part, entry.name, entry.mode), {})
            for key, value in (("cpus", entry.cpus), *entry.params):
                seen.setdefault(key, set()).add(repr(value))
        found: dict[tuple[str, str], list[str]] = {}
        for (part, name, _), seen in values.items():
            keys = found.setdefault((part, name), [])
            keys += [key for key, different in seen.items() if len(different) > 1 and key not in keys]
        return found

    def told_apart(self, entry: Entry) -> dict[str, Any]:
        """What tells a figure from the others of its name, mode and part, the number of CPUs left out."""
        keys = self.varying[entry.part, entry.name]
        return {key: value for key, value in entry.params if key in keys or (key in DESIGNS and value)}

    def first(self, mode: str, name: str) -> Entry | None:
        """A benchmark's figure in a mode, the first if there are several."""
        return next((entry for entry in self.entries if (entry.mode, entry.name) == (mode, name)), None)

    def groups(self) -> dict[str, list[Entry]]:
        """The rows by what they stand under: in the order of the parts, or of the catalogue."""
        found: dict[str, list[Entry]] = {part: [] for part in self.parts} if len(self.parts) > 1 else {}
        for entry in self.rows:
            found.setdefault(self.group(entry), []).append(entry)
        return {group: entries for group, entries in found.items() if entries}

    def group(self, entry: Entry) -> str:
        """What a figure stands under: its part, or its benchmark's group."""
        return entry.part if len(self.parts) > 1 else self.group_of(entry.name)

    def group_of(self, name: str) -> str:
        """A benchmark's group: the first word of a name that the catalogue does not know."""
        benchmark = self.benchmark(name)
        return benchmark.group if benchmark else name.split(".")[0]

    def group_title(self, group: str) -> str:
        """For people."""
        title = self.parts.get(group) if len(self.parts) > 1 else None
        return title or GROUPS.get(group, group.capitalize())

    @cached_property
    def parts(self) -> dict[str, str]:
        """The parts of the suite by name, with their titles."""
        return {part["name"]: part["title"] for part in self.details.get("parts", ())}

    def benchmark(self, name: str) -> Benchmark | None:
        """What the catalogue says."""
        return self.catalogue.benchmarks.get(name)

    def title(self, name: str) -> str:
        """A name for people."""
        benchmark = self.benchmark(name)
        return benchmark.title if benchmark else name

    def full_title(self, entry: Entry, mode: bool = True) -> str:
        """With all that tells it from other figures of the report."""
        parts = [self.title(entry.name)]
        parts += [said(key, value) for key, value in self.told_apart(entry).items()]
        parts += [plural(entry.cpus, "CPU")] if "cpus" in self.varying[entry.part, entry.name] else []
        parts += [f"suite {entry.part}"] if len(self._parts_of[entry.name]) > 1 else []
        return ", ".join(parts + ([entry.mode] if mode else []))

    @cached_property
    def _parts_of(self) -> dict[str, set[str]]:
        """In which parts a benchmark is."""
        found: dict[str, set[str]] = {}
        for entry in self.entries:
            found.setdefault(entry.name, set()).add(entry.part)
        return found

    @cached_property
    def names(self) -> list[str]:
        """All benchmarks of this report, in the catalogue's order, unknown ones last."""
        return list(dict.fromkeys(entry.name for entry in self.entries))

    @cached_property
    def modes(self) -> list[str]:
        return list(dict.fromkeys(run["accel"] for run in self.results["runs"]))

    @cached_property
    def cpus(self) -> list[int]:
        return sorted({run["cpus"] for run in self.results["runs"]})

    @property
    def ratios(self) -> list[dict[str, Any]]:
        """Linux / Weft, from this run."""
        return list(self.results.get("ratios", ()))

    def ratio(self, entry: Entry) -> dict[str, Any] | None:
        """The one that counts for a figure: of the best of Linux's ways where several compete."""
        measured = entry.p50 if entry.cycles is None else entry.cycles
        found = [
            ratio
            for ratio in self.ratios
            if (ratio["accel"], ratio["cpus"], ratio["weft"], ratio["variant"], ratio["weft_p50"])
            == (entry.mode, entry.cpus, entry.name, entry.variant, measured)
        ]
        best = [ratio for ratio in found if ratio["linux"].startswith("best of ")]
        return (best or found or [None])[0]

    def linux_p50(self, entry: Entry, ratio: dict[str, Any]) -> int:
        """Linux's median in the unit of ours; a ratio's are in cycles where ours is shown in ns."""
        if ratio["unit"] == entry.unit or entry.cycles is None:
            return int(ratio["linux_p50"])
        hertz = self.details["runs"][entry.run].get("clock_hz")
        return int(converter(ratio["unit"], entry.unit, hertz)(ratio["linux_p50"]))

    def path(self, name: str) -> str:
        """A file of the run as one would type it."""
        directory = self.details.get("directory", "")
        return str(PurePath(directory) / name) if directory else name

    def command(self, place: Place) -> str:
        """What shows a place without this page."""
        words = ["./weft view", self.path(place.trace)]
        words += [f"--from {place.start} --to {place.end}"] if place.start is not None else []
        words += [f"--tracks {shlex.quote(','.join(place.tracks))}"] if place.tracks else []
        return " ".join(words)


def _entries_of(index: int, detail: dict[str, Any], grid: dict[str, Any]) -> list[Entry]:
    """The figures of one run of details.json."""
    figures = detail.get("figures", [])
    return [_entry(index, detail, figure, _capture(detail, figure, figures[0], grid)) for figure in figures]


def _capture(detail: dict[str, Any], figure: dict[str, Any], first: dict[str, Any], grid: dict[str, Any]) -> str | None:
    """The timeline that a figure's samples are in. A run has a capture of its first point; where costs
    are compared each variant has one."""
    if figure["name"].startswith("linux."):
        return None
    for other in detail.get("variants", ()):
        if other["name"] == figure["params"].get("variant", ""):
            return other["capture"]
    keys = [*DESIGNS, *grid, *(f"grid.{key}" for key in grid)]
    alike = all(figure["params"].get(key) == first["params"].get(key) for key in keys)
    name = detail.get("capture") if alike else None
    return str(PurePath(name).with_suffix(".pftrace")) if name else None


def _entry(index: int, detail: dict[str, Any], figure: dict[str, Any], trace: str | None) -> Entry:
    mode, params = detail["accel"], figure["params"]
    unit = shown_unit(mode, figure["unit"])
    convert = converter(figure["unit"], unit, detail.get("clock_hz"))
    histogram: dict[int, int] = {}
    for low, count in figure["histogram"]:
        histogram[convert(low)] = histogram.get(convert(low), 0) + count
    place, calls = _places(detail, params, trace)
    return Entry(
        mode=mode,
        cpus=detail["cpus"],
        name=figure["name"],
        params=tuple((key, value) for key, value in params.items() if key not in NOT_TOLD),
        unit=unit,
        n=figure["n"],
        values={key: convert(figure[key]) for key in STATISTICS},
        cycles=figure["p50"] if figure["unit"] == "cycles" and unit == "ns" else None,
        histogram=sorted([low, count] for low, count in histogram.items()),
        repetitions=figure["repetitions"],
        low=convert(figure["p50_low"]),
        high=convert(figure["p50_high"]),
        pair=tuple(figure["pair"]) if figure.get("pair") else None,
        place=place,
        run=index,
        part=str(detail.get("part", "")),
        calls=calls,
    )


def _places(
    detail: dict[str, Any], params: dict[str, Any], trace: str | None
) -> tuple[Place | None, dict[str, Place]]:
    """Where all samples are, and single calls that are worth a look."""
    if trace is None:
        return None, {}
    variant = next((own for own in detail.get("variants", ()) if own["name"] == params.get("variant")), detail)
    spans = variant.get("places", {}).get(str(params.get("thread")))
    if not spans:
        return Place(trace), {}
    tracks = tuple(spans["tracks"])
    calls = {key: Place(trace, *spans[key], tracks) for key in ("median", "slowest") if key in spans}
    return Place(trace, *spans["all"], tracks), calls


def said(key: str, value: Any) -> str:
    """A parameter in words."""
    return str(value) if key in DESIGNS else f"{key} {value}"


def shown_unit(mode: str, unit: str) -> str:
    """The unit in which cards, tables and plots show a figure."""
    if unit != "cycles":
        return unit
    return "instructions" if mode == "icount" else "ns"


def converter(unit: str, shown: str, hertz: int | None) -> Any:
    """From a record's unit to the one that is shown."""
    if unit != "cycles" or shown != "ns" or not hertz:
        return lambda value: value
    return lambda value: (value * 1_000_000_000 + hertz // 2) // hertz


def short_commit(commit: str) -> str:
    """Ten digits are enough to find it; whether it was changed stays."""
    digits, dash, dirty = commit.partition("-")
    return digits[:10] + (dash + dirty if dash else "")


def plural(count: int, thing: str) -> str:
    """1 CPU, 4 CPUs."""
    return f"{count} {thing}" if count == 1 else f"{count:,} {thing}s"
