# SPDX-License-Identifier: Apache-2.0
"""The report's last sections: what the figures mean, where the timelines are, how to repeat the run."""

from __future__ import annotations

from weft.bench.report import text
from weft.bench.report.markup import Markup, escape, join, prose, tag
from weft.bench.report.places import all_places, anchor
from weft.bench.report.tables import folding, plain, scrolling
from weft.bench.report.view import GROUPS, View, plural


def meaning(view: View) -> Markup:
    """Modes, then each benchmark: what is timed, and what is not in it."""
    modes = []
    for mode in view.modes:
        title, tells, limits = text.MODES[mode]
        modes.append(_explained(title, "", [("Tells", tells), ("Does not tell", limits)]))
    parts = [tag("div", modes, class_="means")]
    groups: dict[str, list[Markup]] = {}
    for name in view.names:
        if benchmark := view.benchmark(name):
            scope = f"Timed: {benchmark.shape}; in icount mode the work of {benchmark.scope}"
            words = [("Question", benchmark.question), (scope, benchmark.timed), ("Not in it", benchmark.excludes)]
            groups.setdefault(benchmark.group, []).append(_explained(benchmark.title, name, words))
    for group, explained in groups.items():
        parts += [tag("h3", GROUPS.get(group, group.capitalize())), tag("div", explained, class_="means")]
    return join(parts)


def _explained(title: str, name: str, items: list[tuple[str, str]]) -> Markup:
    items = [(term, words) for term, words in items if words]
    definitions = [piece for term, words in items for piece in (tag("dt", term), tag("dd", [prose(words)]))]
    head = [tag("h4", title)] + ([tag("div", name, class_="name")] if name else [])
    where = f"about-{text.slug(name)}" if name else None
    return tag("div", [*head, tag("dl", definitions)], class_="card", id=where)


def timeline(view: View) -> Markup:
    """The captures of the run, and each place in them that a figure leads to."""
    captured = [detail for detail in view.details["runs"] if detail.get("capture")]
    places = all_places(view)
    if not captured and not places:
        return Markup("")
    lead = (
        "Every thread switch, message, wake-up and interrupt of the run. Select a message's slice to follow its "
        "arrow to the other CPU. A timeline needs a program behind it: either the command at its place, or"
    )
    served = tag("pre", [tag("code", f"./weft view --report {view.details.get('directory') or '.'}")])
    after = "which serves this page on this machine alone, and there each `timeline` link opens its timeline at once."
    parts = [tag("p", lead, class_="lead"), served, tag("p", [prose(after)], class_="lead")]
    rows: list[list[str | Markup]] = []
    for detail in captured:
        name = detail["capture"].replace(".weft", ".pftrace")
        files = [tag("a", name, href=name), tag("a", detail["capture"], href=detail["capture"])]
        rows.append([detail["accel"], *files, tag("code", f"./weft view {view.path(name)}")])
    if rows:
        heads = [(title, False) for title in ("run", "timeline for Perfetto", "capture", "open it with")]
        parts.append(plain(heads, rows))
    lines = [
        tag("tr", [tag("td", words), tag("td", [tag("code", view.command(place))])], id=anchor(place))
        for place, words in places.items()
        if place.start is not None
    ]
    if lines:
        head = tag("thead", [tag("tr", [tag("th", "what is there"), tag("th", "open it with")])])
        table = scrolling(tag("table", [head, tag("tbody", lines)], class_="places"))
        parts.append(folding("Figure by figure", plural(len(lines), "place"), len(lines), table, 0))
    whole = [tag("span", "", id=anchor(place)) for place in places if place.start is None]
    return join([*whole, *parts])


def environment(view: View) -> Markup:
    """What somebody else needs to do the same."""
    rows = [tag("tr", [tag("td", key), tag("td", value)]) for key, value in facts(view).items()]
    parts = [
        tag("pre", [tag("code", view.details.get("invocation", "./weft bench"))]),
        scrolling(tag("table", [tag("tbody", rows)], class_="plain")),
    ]
    commands = []
    for detail in view.details["runs"]:
        seconds = ", ".join(f"{value} s" for value in detail["seconds"])
        files = [tag("a", name, href=name) for name in detail["console"]]
        title = f"{detail['accel']}, {plural(detail['cpus'], 'CPU')} ({seconds})"
        commands += [
            tag("h4", title),
            tag("pre", [tag("code", detail["command"])]),
            tag("p", [escape("Console: "), join(files, ", ")]),
        ]
    count = len(view.details["runs"])
    return join([*parts, folding("QEMU commands", plural(count, "command"), count, join(commands), 2)])


def facts(view: View) -> dict[str, str]:
    """Where and of what the figures were made."""
    runs = view.results["runs"]
    loads = [load for detail in view.details["runs"] for load in detail.get("loads", ())]
    found = {
        "commit": ", ".join(dict.fromkeys(run["commit"] for run in runs)),
        "suite": view.details["suite"],
        "modes": ", ".join(text.MODES[mode].title for mode in view.modes),
        "architecture": ", ".join(dict.fromkeys(run["arch"] for run in runs)),
        "guest CPUs": ", ".join(map(str, view.cpus)),
        "CPU model": ", ".join(dict.fromkeys(run["cpu_model"] for run in runs)),
        "kernel": ", ".join(dict.fromkeys(run["profile"] for run in runs)),
        "kernel command line": view.details.get("command_line", ""),
        "QEMU": ", ".join(dict.fromkeys(run["qemu"] for run in runs)),
        "load before boots": f"{min(loads):.2f} to {max(loads):.2f}" if loads else "",
        **{key: str(value) for key, value in view.details.get("environment", {}).items()},
    }
    return {key: value for key, value in found.items() if value}
