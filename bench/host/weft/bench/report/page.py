# SPDX-License-Identifier: Apache-2.0
"""The page: masthead, summary, table of contents; the sections are in modules of their own.

Every part takes the `View` and gives markup, or nothing when its data are not there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from weft.bench.catalogue import Catalogue
from weft.bench.report import about, beside, curve_sections, plots, sections, tables, text
from weft.bench.report.markup import Markup, escape, join, tag
from weft.bench.report.places import link
from weft.bench.report.view import Entry, View, plural, short_commit

HEADLINES = ("ipc.call.same_core", "ipc.call.cross_core", "ipc.notify.cross_core", "trace.event.on")
CARDS = 4


def render(results: dict[str, Any], details: dict[str, Any], catalogue: Catalogue) -> str:
    """The whole page."""
    view = View(results, details, catalogue)
    parts = [
        ("figures", "All figures", tables.figures(view)),
        ("linux", "Beside Linux", beside.linux(view)),
        ("comparison", "Beside other systems", beside.comparison(view)),
        ("reference", "Beside a reference", beside.reference(view)),
        ("scaling", "Over the number of CPUs", curve_sections.scaling(view)),
        ("parameters", "Over parameters", curve_sections.parameters(view)),
        ("stages", "Where the time goes", sections.stages(view)),
        ("matrix", "Core by core", sections.matrix(view)),
        ("distributions", "Distributions", sections.distributions(view)),
        ("meaning", "What the figures mean", about.meaning(view)),
        ("timeline", "Timelines", about.timeline(view)),
        ("environment", "How to repeat this", about.environment(view)),
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
    main = [
        _cards(view),
        *(tag("section", [tag("h2", title), content], id=key) for key, title, content in parts),
    ]
    footer = (
        "Made by weft bench from results.json and details.json in the same directory; report.md and results.csv "
        "hold the same for papers. This page loads nothing from anywhere."
    )
    body = tag("body", [_masthead(view), _contents(view, parts), tag("main", main), tag("footer", footer)])
    return "<!doctype html>\n" + tag("html", [head, body], lang="en") + "\n"


def _masthead(view: View) -> Markup:
    heading = tag("div", [tag("h1", "Weft benchmark report"), tag("p", " · ".join(masthead_facts(view)))])
    return tag("header", [plots.logo(), heading], class_="top")


def masthead_facts(view: View) -> list[str]:
    """What the report is of, in one line."""
    first = view.results["runs"][0]
    cpus = plural(view.cpus[0], "CPU") if len(view.cpus) == 1 else f"{view.cpus[0]} to {view.cpus[-1]} CPUs"
    found = [
        view.details.get("date", ""),
        f"suite {view.details['suite']}",
        f"commit {short_commit(first['commit'])}",
        first["arch"],
        cpus,
        f"{first['profile']} kernel",
        f"QEMU {first['qemu']}",
    ]
    return [fact for fact in found if fact]


def _contents(view: View, parts: list[tuple[str, str, Markup]]) -> Markup:
    lines = [tag("p", [join([tag("a", title, href=f"#{key}") for key, title, _ in parts], " ")])]
    groups = view.groups()
    if len(groups) > 1:
        links = [tag("a", f"{view.group_title(group)} ({len(rows)})", href=f"#group-{group}") for group, rows in groups.items()]
        lines.append(tag("p", [tag("span", "Figures: "), join(links, " ")], class_="groups"))
    return tag("nav", lines)


# ---- summary -------------------------------------------------------------------------------------


def headlines(view: View) -> list[str]:
    """The benchmarks on the cards."""
    chosen = [name for name in HEADLINES if name in view.names]
    others = [entry.name for entry in view.rows if not entry.name.startswith("linux.")]
    return chosen or list(dict.fromkeys(others))[:CARDS]


def summary(view: View) -> list[str]:
    """What came out, in sentences."""
    found = []
    for (mode, cpus, variant), rows in beside.ratio_points(view).items():
        place = ", ".join(filter(None, (mode, plural(cpus, "CPU"), variant)))
        found.append(f"Beside Linux ({place}): {beside.verdict(rows)}")
    if len(found) > CARDS:
        found = [f"Beside Linux, all {plural(len(found), 'point')}: {beside.verdict(view.ratios)}"]
    if view.details.get("reference"):
        found.append(beside.summary_of(view.details["reference"]))
    failures = view.details.get("failures") or []
    if failures:
        such = "" if len(failures) == 1 else f"{len(failures)} configurations, such as "
        found.append(f"Failed, and therefore not in here: {such}{failures[0]['reason']}")
    found += busy(view)
    for part in view.details.get("parts", ()):
        if part.get("left_out"):
            found.append(f"{part['title']}: {plural(len(part['left_out']), 'point')} left out, such as {part['left_out'][0]}")
    return found


def busy(view: View) -> list[str]:
    """Whether the host had more to do than it has CPUs, where that is in the figures."""
    loads = [load for run in view.details["runs"] if run["accel"] != "icount" for load in run.get("loads", ())]
    cpus = str(view.details.get("environment", {}).get("host CPUs", ""))
    if not loads or not cpus.isdigit() or max(loads) <= int(cpus):
        return []
    return [f"The host was busy: its load before a boot was up to {max(loads):.1f}, with {plural(int(cpus), 'CPU')}. Figures in "
            "ns and ratios of them say as much about that as about the systems; icount figures do not depend on it."]  # fmt: skip


def _cards(view: View) -> Markup:
    cards = tag("div", [_card(view, name) for name in headlines(view)], class_="cards")
    return join([cards, *(tag("p", sentence, class_="summary") for sentence in summary(view))])


def _card(view: View, name: str) -> Markup:
    entry = next(found for mode in view.modes if (found := view.first(mode, name)))
    value, unit = text.amount(entry.p50, entry.unit)
    benchmark = view.benchmark(name)
    about = ", ".join(filter(None, ["median", benchmark.shape if benchmark else "", entry.design, *also(view, entry)]))
    lines = [
        tag("div", view.title(name), class_="what"),
        tag("div", [escape(value + " "), tag("small", unit)], class_="big"),
        tag("div", about, class_="also"),
    ]
    if words := versus(view, entry):
        lines.append(tag("div", words, class_="versus"))
    if entry.place:
        lines.append(tag("div", [link(view, entry.place, "timeline")], class_="also"))
    return tag("div", lines, class_="card")


def also(view: View, entry: Entry) -> list[str]:
    """The same benchmark elsewhere: over CPUs, and in the other modes."""
    found = []
    alike = [one for one in view.entries if (one.name, one.mode, one.params) == (entry.name, entry.mode, entry.params)]
    if len({one.cpus for one in alike}) > 1:
        last = max(alike, key=lambda one: one.cpus)
        found.append(f"{plural(entry.cpus, 'CPU')}; {text.with_unit(last.p50, last.unit)} with {last.cpus}")
    for mode in view.modes:
        if mode != entry.mode and (other := view.first(mode, entry.name)):
            found.append(f"{text.with_unit(other.p50, other.unit)} in {mode}")
    return found


def versus(view: View, entry: Entry) -> str:
    """Beside Linux: as measured in this run, or else as measured before."""
    if measured := view.ratio(entry):
        way, its = measured["linux"].removeprefix("linux."), text.with_unit(view.linux_p50(entry, measured), entry.unit)
        return f"{_less(measured['weft_p50'], measured['linux_p50'], entry)} than Linux ({way}: {its})"
    peer = view.catalogue.peer_of(entry.name, "Linux") if entry.unit == "instructions" else None
    words = text.ratio(entry.p50, peer.value) if peer else ""
    return f"{words} than Linux ({peer.operation.split(',')[0]}: {text.number(peer.value)})" if peer and words else ""


def _less(ours: int, theirs: int, entry: Entry) -> str:
    words = text.ratio(ours, theirs) or "no more and no less"
    return words if entry.unit == "instructions" else words.replace("fewer", "less").replace("more", "longer")
