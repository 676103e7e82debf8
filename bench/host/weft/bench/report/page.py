# SPDX-License-Identifier: Apache-2.0
"""The page: masthead, summary cards, tables; the other sections follow from `sections`.

Every part takes the `View` and gives markup, or nothing when its data are not there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from weft.bench.catalogue import Catalogue
from weft.bench.records import STATISTICS
from weft.bench.report import plots, sections, text
from weft.bench.report.markup import Markup, escape, join, tag
from weft.bench.report.view import View, plural, short_commit

HEADLINES = ("ipc.call.same_core", "ipc.call.cross_core", "ipc.notify.cross_core", "trace.event.on")
HEADINGS = {"p999": "p99.9"}


def render(results: dict[str, Any], details: dict[str, Any], catalogue: Catalogue) -> str:
    """The whole page."""
    view = View(results, details, catalogue)
    parts = [
        ("figures", "All figures", _section_figures(view)),
        ("comparison", "Beside other systems", sections.comparison(view)),
        ("distributions", "Distributions", sections.distributions(view)),
        ("stages", "Where the time goes", sections.stages(view)),
        ("matrix", "Core by core", sections.matrix(view)),
        ("meaning", "What the figures mean", sections.meaning(view)),
        ("timeline", "The timeline", sections.timeline(view)),
        ("environment", "How to repeat this", sections.environment(view)),
    ]
    parts = [part for part in parts if part[2]]
    style = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")
    head = tag(
        "head",
        [
            tag("meta", charset="utf-8"),
            tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            tag("meta", name="color-scheme", content="light dark"),
            tag("title", f"Weft benchmarks, {view.details['suite']}"),
            tag("style", Markup(style)),
        ],
    )
    body = tag(
        "body",
        [
            _masthead(view),
            tag("nav", [tag("a", title, href=f"#{key}") for key, title, _ in parts]),
            tag(
                "main",
                [
                    _cards(view),
                    *(tag("section", [tag("h2", title), content], id=key) for key, title, content in parts),
                ],
            ),
            tag(
                "footer",
                "Made by weft bench from results.json and details.json in the same directory. "
                "This page loads nothing from anywhere.",
            ),
        ],
    )
    return "<!doctype html>\n" + tag("html", [head, body], lang="en") + "\n"


def _masthead(view: View) -> Markup:
    first = view.results["runs"][0]
    facts = [
        view.details.get("date", ""),
        f"commit {short_commit(first['commit'])}",
        first["arch"],
        plural(first["cpus"], "CPU"),
        f"{first['profile']} kernel",
        f"QEMU {first['qemu']}",
    ]
    heading = tag(
        "div", [tag("h1", "Weft benchmark report"), tag("p", " · ".join(fact for fact in facts if fact))]
    )
    return tag("header", [plots.logo(), heading], class_="top")


# ---- summary -------------------------------------------------------------------------------------


def _cards(view: View) -> Markup:
    names = [name for name in HEADLINES if name in view.names()] or view.rows()[:4]
    return tag("div", [_card(view, name) for name in names], class_="cards")


def _card(view: View, name: str) -> Markup:
    mode = view.modes[0]
    result = view.result(mode, name)
    if result is None:
        return Markup("")
    value, unit = text.amount(result["p50"], result["unit"])
    lines = [
        tag("div", view.title(name), class_="what"),
        tag("div", [escape(value + " "), tag("small", unit)], class_="big"),
    ]
    others = [
        f"{text.with_unit(other['p50'], other['unit'])} in {further}"
        for further in view.modes[1:]
        if (other := view.result(further, name))
    ]
    benchmark = view.benchmark(name)
    shape = benchmark.shape if benchmark else ""
    lines.append(
        tag("div", ", ".join(filter(None, [f"p50, {shape}" if shape else "p50", *others])), class_="also")
    )
    peer = view.catalogue.peer_of(name, "Linux") if mode == "icount" else None
    if peer and (words := text.ratio(result["p50"], peer.value)):
        lines.append(
            tag(
                "div",
                f"{words} than Linux ({peer.operation.split(',')[0]}: {text.number(peer.value)})",
                class_="versus",
            )
        )
    return tag("div", lines, class_="card")


# ---- tables --------------------------------------------------------------------------------------


def _section_figures(view: View) -> Markup:
    parts = []
    if not view.details["trace"]:
        parts.append(
            tag(
                "p",
                "This kernel was built without tracing: there are no trace.event figures, and no timeline "
                "was captured.",
                class_="note",
            )
        )
    for run in view.results["runs"]:
        title, _, _ = text.MODES[run["accel"]]
        parts += [tag("h3", title), tag("div", [_table(view, run)], class_="scroll")]
    return join(parts)


def _table(view: View, run: dict[str, Any]) -> Markup:
    icount = run["accel"] == "icount"
    units = ["instructions"] if icount else ["ns"]
    systems = ["seL4", "seL4 SMP", "Linux"] if icount else []
    heads = [tag("th", "benchmark"), tag("th", "unit"), tag("th", "n", class_="num")]
    heads += [tag("th", HEADINGS.get(key, key), class_="num") for key in STATISTICS]
    heads += [tag("th", system, class_="num") for system in systems]
    if not icount:
        heads.append(tag("th", "p50 in cycles", class_="num"))
    rows = []
    for name in view.rows():
        for unit in units:
            if (result := view.result(run["accel"], name, unit)) is not None:
                rows.append(_table_row(view, run["accel"], result, systems))
    return tag("table", [tag("thead", [tag("tr", heads)]), tag("tbody", rows)])


def _table_row(view: View, mode: str, result: dict[str, Any], systems: list[str]) -> Markup:
    benchmark = view.benchmark(result["name"])
    name = [escape(result["name"])] + ([tag("small", benchmark.short)] if benchmark else [])
    cells = [
        tag("th", name, scope="row"),
        tag("td", result["unit"]),
        tag("td", text.number(result["n"]), class_="num"),
    ]
    cells += [
        tag("td", text.number(result[key]), class_="num key" if key == "p50" else "num") for key in STATISTICS
    ]
    for system in systems:
        peer = view.catalogue.peer_of(result["name"], system)
        cells.append(
            tag(
                "td",
                text.number(peer.value) if peer else "–",
                class_="num peer",
                title=peer.operation if peer else None,
            )
        )
    if mode != "icount":
        cycles = view.result(mode, result["name"], "cycles")
        cells.append(tag("td", text.number(cycles["p50"]) if cycles else "–", class_="num peer"))
    return tag("tr", cells)
