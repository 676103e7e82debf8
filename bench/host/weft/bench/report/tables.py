# SPDX-License-Identifier: Apache-2.0
"""The tables of all figures, as HTML: group by group, long ones folded."""

from __future__ import annotations

from weft.bench.report import text
from weft.bench.report.columns import Table, apart, columns_of, tables_of
from weft.bench.report.markup import Markup, escape, join, tag
from weft.bench.report.places import link
from weft.bench.report.view import Entry, View, plural

FOLDED = 24  # rows; a longer table is closed at first
WITHOUT_TRACE = (
    "This kernel was built without tracing: there are no trace.event figures, and no timeline was captured."
)


def figures(view: View) -> Markup:
    """All of them."""
    parts = [] if view.details["trace"] else [tag("p", WITHOUT_TRACE, class_="note")]
    for group, tables in tables_of(view).items():
        parts.append(tag("h3", view.group_title(group), id=f"group-{group}"))
        parts += [_table(view, table) for table in tables]
    return join(parts)


def folding(title: str, count: str, rows: int, content: Markup, most: int = FOLDED) -> Markup:
    """The content below its title; closed where it is long."""
    if rows <= most:
        return join([tag("h4", title), content])
    return tag("details", [tag("summary", [tag("b", title), escape(f": {count}")]), content])


def plain(heads: list[tuple[str, bool]], rows: list[list[str | Markup]]) -> Markup:
    """A table: headings, each with whether its column holds numbers, and cells."""
    head = [tag("th", title, class_="num" if numbers else None) for title, numbers in heads]
    body = [
        tag("tr", [tag("td", cell, class_="num" if numbers else None) for cell, (_, numbers) in zip(row, heads, strict=True)])
        for row in rows
    ]
    return scrolling(tag("table", [tag("thead", [tag("tr", head)]), tag("tbody", body)]))


def scrolling(table: Markup) -> Markup:
    """A table that scrolls by itself where the screen is narrow; by keyboard too."""
    return tag("div", [table], class_="scroll", tabindex="0")


def _table(view: View, table: Table) -> Markup:
    columns = columns_of(view, table)
    heads = [tag("th", "benchmark"), *(tag("th", column.title, class_="num") for column in columns)]
    rows = []
    before = ""
    for entry in table.entries:
        cells = [tag("td", column.text(entry), class_=f"num {column.kind}".strip()) for column in columns]
        rows.append(tag("tr", [_name(view, entry, entry.name != before), *cells]))
        before = entry.name
    body = scrolling(tag("table", [tag("thead", [tag("tr", heads)]), tag("tbody", rows)]))
    if len(rows) <= FOLDED:
        return folding(table.title, "", len(rows), body)
    return join([_in_short(view, table), folding("All of them", plural(len(rows), "figure"), len(rows), body)])


def _in_short(view: View, table: Table) -> Markup:
    """Of a long table, one line for each benchmark."""
    names: dict[str, list[Entry]] = {}
    for entry in table.entries:
        names.setdefault(entry.name, []).append(entry)
    rows: list[list[str | Markup]] = []
    for name, entries in names.items():
        medians = [entry.p50 for entry in entries]
        what = [escape(name), *([tag("small", benchmark.short)] if (benchmark := view.benchmark(name)) else [])]
        highest = text.number(max(entry.values["p99"] for entry in entries))
        rows.append([join(what), str(len(entries)), text.number(min(medians)), text.number(max(medians)), highest])
    heads = [("benchmark", False), *((title, True) for title in ("figures", "lowest p50", "highest p50", "highest p99"))]
    return join([tag("h4", table.title), plain(heads, rows)])


def _name(view: View, entry: Entry, first: bool) -> Markup:
    """The name once, what tells rows of it apart, and the way to the timeline."""
    benchmark = view.benchmark(entry.name)
    parts: list[Markup] = []
    if first:
        name = tag("a", entry.name, href=f"#about-{text.slug(entry.name)}") if benchmark else escape(entry.name)
        parts.append(name)
    told = apart(view, entry)
    small = [benchmark.short] if benchmark and first else []
    words = [escape(word) for word in ([told] if told else []) + small]
    words += [link(view, entry.place, "timeline")] if entry.place else []
    if words:
        parts.append(tag("small", [join(words, " · ")]))
    return tag("th", parts, scope="row", class_=None if first else "again")
