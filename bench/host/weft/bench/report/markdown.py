# SPDX-License-Identifier: Apache-2.0
"""report.md: what the page says, for papers and for places that show Markdown (GitHub's flavour).

    text = markdown(results, details, catalogue)

The same data give the same bytes. Pictures become tables: a curve has a row for each place on its axis, the
course of a call one for each stage, a heat map one for each CPU. Histograms are in details.json only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from weft.bench.catalogue import Catalogue
from weft.bench.report import about, beside, curve_sections, page, text
from weft.bench.report.columns import apart, columns_of, tables_of
from weft.bench.report.curves import Curve, flat, over_cpus, over_parameters
from weft.bench.report.places import all_places
from weft.bench.report.sections import courses, matrices, stage_rows
from weft.bench.report.view import View, plural
from weft.bench.stages import STAGES


def markdown(results: dict[str, Any], details: dict[str, Any], catalogue: Catalogue) -> str:
    """The whole document."""
    view = View(results, details, catalogue)
    parts = [
        ("", _head(view)),
        ("All figures", _figures(view)),
        ("Beside Linux", _linux(view)),
        ("Beside a reference", _reference(view)),
        ("Over the number of CPUs", _curves(over_cpus(view))),
        ("Over parameters", _curves(over_parameters(view)) + _variants(view)),
        ("The same everywhere", [_plain(curve_sections.everywhere(view, same)) for same in flat(view)]),
        ("Where the time goes", _stages(view)),
        ("Core by core", _matrices(view)),
        ("What the figures mean", _meaning(view)),
        ("Timelines", _timelines(view)),
        ("How to repeat this", _environment(view)),
    ]
    blocks = [block for title, content in parts if content for block in ([f"## {title}"] if title else []) + content]
    return "\n\n".join(blocks) + "\n"


MARKS = re.compile(r"[*\[\]~]|(?<![a-zA-Z0-9])_|_(?![a-zA-Z0-9])")  # an underscore within a word is one


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns that hold numbers are aligned at their right."""
    numeric = [
        all(row[column][:1] in "–+-" or row[column][:1].isdigit() for row in rows) and column > 0 for column in range(len(heads))
    ]
    lines = [_row(heads), _row(["---:" if right else "---" for right in numeric]), *(_row(row) for row in rows)]
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _cell(words: str) -> str:
    return _plain(" ".join(words.split())).replace("|", "\\|") or " "


def _plain(words: str) -> str:
    """Words that may hold anything: what would be markup is not. Code keeps its backticks."""
    pieces = words.split("`")
    if len(pieces) % 2 == 0:
        pieces = [words.replace("`", "'")]
    for index in range(0, len(pieces), 2):
        pieces[index] = pieces[index].replace("&", "&amp;").replace("<", "&lt;")
        pieces[index] = MARKS.sub(r"\\\g<0>", pieces[index])
    return "`".join(pieces)


def _head(view: View) -> list[str]:
    lines = [f"- {_plain(sentence)}" for sentence in [*_cards(view), *page.summary(view)]]
    return ["# Weft benchmark report", _plain(" · ".join(page.masthead_facts(view))), "\n".join(lines)]


def _cards(view: View) -> list[str]:
    found = []
    for name in page.headlines(view):
        entry = next(one for mode in view.modes if (one := view.first(mode, name)))
        words = [text.with_unit(entry.p50, entry.unit), entry.design, *page.also(view, entry), page.versus(view, entry)]
        found.append(f"{view.title(name)}: {'; '.join(word for word in words if word)}")
    return found


def _figures(view: View) -> list[str]:
    blocks = []
    for group, tables in tables_of(view).items():
        blocks.append(f"### {_plain(view.group_title(group))}")
        for one in tables:
            columns = columns_of(view, one)
            told = any(apart(view, entry) for entry in one.entries)
            heads = ["benchmark", *(["parameters"] if told else []), *(column.title for column in columns)]
            rows = [
                [entry.name, *([apart(view, entry)] if told else []), *(column.text(entry) for column in columns)]
                for entry in one.entries
            ]
            blocks += [f"{one.title}:", table(heads, rows)]
    return blocks


def _linux(view: View) -> list[str]:
    blocks = []
    for (mode, cpus, variant), rows in beside.ratio_points(view).items():
        title = ", ".join(filter(None, (mode, plural(cpus, "CPU"), variant, rows[0]["unit"], plural(rows[0]["rounds"], "round"))))
        heads = ["Weft", "Linux", "Weft p50", "Linux p50", "Linux / Weft", "lowest", "highest"]
        cells = [
            [row["weft"], row["linux"], text.number(row["weft_p50"]), text.number(row["linux_p50"]),
             f"{row['ratio']:,.2f}", f"{row['low']:,.2f}", f"{row['high']:,.2f}"] for row in rows
        ]  # fmt: skip
        blocks += [f"{_plain(title)}. {_plain(beside.verdict(rows))}", table(heads, cells)]
    return blocks


def _reference(view: View) -> list[str]:
    data = view.details.get("reference")
    if not data:
        return []
    blocks = [_plain(beside.summary_of(data))]
    exact, likely = beside.exact_changes(data), beside.likely_changes(data)
    blocks += [table(beside.EXACT_HEADS, exact)] if exact else []
    blocks += [table(beside.LIKELY_HEADS, likely)] if likely else []
    return blocks


def _curves(curves: list[Curve]) -> list[str]:
    blocks = []
    for curve in curves:
        axis = "CPUs" if curve.axis == "cpus" else curve.axis
        heads = [axis, *(one.name or "p50" for one in curve.series)]
        values = [{point.x: point.value for point in one.points} for one in curve.series]
        places = sorted({x for found in values for x in found})
        rows = [[text.number(x), *(text.number(found[x]) if x in found else "–" for found in values)] for x in places]
        blocks += [f"{_plain(curve.title)}, {curve.entry.mode}, in {curve.entry.unit}:", table(heads, rows)]
    return blocks


def _variants(view: View) -> list[str]:
    blocks = []
    for title, names, rows in curve_sections.variant_tables(view):
        blocks += [f"Variants, {_plain(title)}:", table(["benchmark", *names], rows)]
    return blocks


def _stages(view: View) -> list[str]:
    blocks = []
    for entry, found in courses(view):
        keys = ("p50", "p90", "p99", "max")
        rows = [[stage, STAGES[stage][1], *(text.number(values[key]) for key in keys)] for stage, _, values in stage_rows(found)]
        rows.append(["all", "from the call until the client runs", *(text.number(found["round_trip"][key]) for key in keys)])
        title = f"{view.full_title(entry)}, in {entry.unit}, {plural(found['messages'], 'message')}"
        blocks += [f"{_plain(title)}:", table(["stage", "from where to where", *keys], rows)]
    return blocks


def _matrices(view: View) -> list[str]:
    blocks = []
    for entry, cells in matrices(view):
        cpus = sorted({cpu for pair in cells for cpu in pair})
        heads = ["client on / server on", *(f"CPU {cpu}" for cpu in cpus)]
        rows = [[f"CPU {a}", *(text.number(cells[a, b]) if (a, b) in cells else "–" for b in cpus)] for a in cpus]
        title = ", ".join(filter(None, (view.title(entry.name), entry.design, entry.mode, f"medians in {entry.unit}")))
        blocks += [f"{_plain(title)}:", table(heads, rows)]
    return blocks


def _meaning(view: View) -> list[str]:
    blocks = []
    for mode in view.modes:
        title, tells, limits = text.MODES[mode]
        blocks.append(f"**{title}.** {_plain(tells)} *What it does not tell:* {_plain(limits)}")
    for name in view.names:
        if benchmark := view.benchmark(name):
            scope = f"{benchmark.shape}; in icount mode the work of {benchmark.scope}"
            lines = [f"**{_plain(benchmark.title)}** (`{name}`): {_plain(benchmark.question)}", ""]
            lines += [f"- Timed ({scope}): {_plain(benchmark.timed)}"]
            lines += [f"- Not in it: {_plain(benchmark.excludes)}"] if benchmark.excludes else []
            blocks.append("\n".join(lines))
    return blocks


def _timelines(view: View) -> list[str]:
    places = all_places(view)
    if not places:
        return []
    rows = [[words, f"`{view.command(place)}`"] for place, words in places.items()]
    served = f"    ./weft view --report {view.details.get('directory') or '.'}"
    return ["The report with links that open each place at once:", served, table(["what is there", "shown by"], rows)]


def _environment(view: View) -> list[str]:
    rows = [[key, value] for key, value in about.facts(view).items()]
    return [f"    {view.details.get('invocation', './weft bench')}", table(["what", "value"], rows)]
