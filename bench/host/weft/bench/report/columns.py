# SPDX-License-Identifier: Apache-2.0
"""What stands in the tables of figures, for HTML and Markdown alike.

    tables_of(view)                 # group by group, mode by mode
    columns_of(view, table)         # title and text of each column behind the name
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from weft.bench.records import STATISTICS
from weft.bench.report.text import MODES, number
from weft.bench.report.view import DESIGNS, Entry, View, plural

HEADINGS = {"p999": "p99.9"}

@dataclass(frozen=True)
class Table:
    """The figures of one group in one mode; all have the same unit."""

    group: str
    mode: str
    unit: str
    entries: tuple[Entry, ...]

    @property
    def title(self) -> str:
        cpus = sorted({entry.cpus for entry in self.entries})
        machine = plural(cpus[0], "CPU") if len(cpus) == 1 else f"{cpus[0]} to {cpus[-1]} CPUs"
        return f"{MODES[self.mode].title}, {machine}, in {self.unit}"


@dataclass(frozen=True)
class Column:
    """One column of numbers."""

    title: str
    text: Callable[[Entry], str]
    kind: str = ""  # for the style: key, peer


def tables_of(view: View) -> dict[str, list[Table]]:
    """By group."""
    found: dict[str, list[Table]] = {}
    for group, entries in view.groups().items():
        kinds = sorted({(view.modes.index(entry.mode), entry.unit) for entry in entries})
        for place, unit in kinds:
            mode = view.modes[place]
            rows = tuple(entry for entry in entries if (entry.mode, entry.unit) == (mode, unit))
            found.setdefault(group, []).append(Table(group, mode, unit, rows))
    return found


def apart(view: View, entry: Entry) -> str:
    """What tells a row from others of the same name, but for CPUs: `words=4 poll`."""
    told = view.told_apart(entry)
    return " ".join(str(value) if key in DESIGNS else f"{key}={value}" for key, value in told.items())


def columns_of(view: View, table: Table) -> list[Column]:
    """Behind the name; columns that would be empty are left out."""
    columns = [Column("n", lambda entry: number(entry.n))]
    if len({entry.cpus for entry in table.entries}) > 1:
        columns.insert(0, Column("CPUs", lambda entry: str(entry.cpus)))
    columns += [_statistic(key) for key in STATISTICS]
    if any(entry.repetitions > 1 and entry.mode != "icount" for entry in table.entries):
        columns.append(Column("p50 of boots", lambda entry: f"{number(entry.low)}–{number(entry.high)}", "peer"))
    if any(view.ratio(entry) for entry in table.entries):
        columns += [Column("Linux", lambda entry: _linux(view, entry), "peer"),
                    Column("Linux / Weft", lambda entry: ratio_text(view, entry))]  # fmt: skip
    if table.mode == "icount":
        measured = any(view.ratio(entry) for entry in table.entries)
        for system in ("seL4", "seL4 SMP") if measured else ("seL4", "seL4 SMP", "Linux"):
            if any(view.catalogue.peer_of(entry.name, system) for entry in table.entries):
                columns.append(_peer(view, system))
    if any(entry.cycles is not None for entry in table.entries):
        columns.append(Column("p50, cycles", lambda entry: "–" if entry.cycles is None else number(entry.cycles), "peer"))
    return columns


def _statistic(key: str) -> Column:
    return Column(HEADINGS.get(key, key), lambda entry: number(entry.values[key]), "key" if key == "p50" else "")


def _peer(view: View, system: str) -> Column:
    def text(entry: Entry) -> str:
        peer = view.catalogue.peer_of(entry.name, system)
        return number(peer.value) if peer else "–"

    return Column(system, text, "peer")


def _linux(view: View, entry: Entry) -> str:
    ratio = view.ratio(entry)
    return "–" if ratio is None else number(view.linux_p50(entry, ratio))


def ratio_text(view: View, entry: Entry) -> str:
    """The ratio, with its spread where there is one."""
    ratio = view.ratio(entry)
    if ratio is None:
        return "–"
    if ratio["low"] == ratio["high"]:
        return f"{ratio['ratio']:,.2f}"
    return f"{ratio['ratio']:,.2f} ({ratio['low']:,.2f}–{ratio['high']:,.2f})"
