# SPDX-License-Identifier: Apache-2.0
"""The table on the terminal: one per mode, figures beside those of other systems.

    print(render_run(run, catalogue, notes))
    print(render_ratios(results["ratios"], details["baseline"]))

Reference columns appear in icount mode only, where an instruction here is an instruction there.
"""

from __future__ import annotations

from typing import Any

from weft.bench.baseline import repeated, summary
from weft.bench.catalogue import Catalogue
from weft.bench.figures import FOUND_OUT

COLUMNS = ("p50", "p90", "p99", "p999", "max")
NO_LABEL = {*FOUND_OUT, "warmup"}
HEADINGS = {"p999": "p99.9"}
REFERENCES = (("seL4", "seL4"), ("seL4 SMP", "seL4 SMP"), ("Linux", "Linux"))
MODE_TEXT = {
    "icount": "deterministic; one tick is one guest instruction; cross-core figures are the work of all CPUs",
    "tcg": "emulated code on real host threads; good for comparison on this host, not absolute",
    "kvm": "real hardware; absolute latency of this host",
}


def number(value: int) -> str:
    """1234567 as 1,234,567."""
    return f"{value:,}"


def render_run(run: dict[str, Any], catalogue: Catalogue, notes: list[str]) -> str:
    """One mode's results as text."""
    references = [pair for pair in REFERENCES if run["accel"] == "icount"]
    header = [
        "benchmark",
        "unit",
        "n",
        "min",
        *(HEADINGS.get(key, key) for key in COLUMNS),
        *(heading for heading, _ in references),
    ]
    shown = _shown(run["results"], catalogue)
    rows = [
        _row(label, result, catalogue, references)
        for label, result in zip(labels(shown), shown, strict=True)
    ]
    title = f"{run['accel']}: {run['cpus']} CPUs, {run['profile']} kernel, QEMU {run['qemu']}, -cpu {run['cpu_model']}"
    lines = [title, f"  {MODE_TEXT[run['accel']]}", "", *aligned([header, *rows])]
    lines += [f"  {note}" for note in notes]
    return "\n".join(lines)


def _shown(results: list[dict[str, Any]], catalogue: Catalogue) -> list[dict[str, Any]]:
    """The results in the catalogue's order; a matrix belongs into the report."""
    order = {name: place for place, name in enumerate(catalogue.benchmarks)}
    shown = [result for result in results if not catalogue.is_matrix(result["name"])]
    return sorted(shown, key=lambda result: order.get(result["name"], len(order)))


def labels(results: list[dict[str, Any]]) -> list[str]:
    """What each is called: by its name, and where there are several of one by the parameters in which they
    differ (`ipc.call.words server_cpu=1 words=4`)."""
    values: dict[tuple[str, str], set[str]] = {}
    for result in results:
        for key, value in result["params"].items():
            values.setdefault((result["name"], key), set()).add(str(value))
    names = []
    for result in results:
        differing = (
            f" {key}={value}"
            for key, value in result["params"].items()
            if key not in NO_LABEL and len(values[result["name"], key]) > 1
        )
        names.append(result["name"] + "".join(differing))
    return names


def _row(
    label: str, result: dict[str, Any], catalogue: Catalogue, references: list[tuple[str, str]]
) -> list[str]:
    cells = [label, result["unit"], *(number(result[key]) for key in ("n", "min", *COLUMNS))]
    for _, system in references:
        peer = catalogue.peer_of(result["name"], system)
        cells.append(number(peer.value) if peer else "-")
    return cells


RATIO_TEXT = {
    "instructions": "instructions, medians; what is on two CPUs is the work of both, not the critical path",
    "cycles": "ticks of the guest's clock, medians; emulated code, for comparison only",
}


def render_ratios(ratios: list[dict[str, Any]], baseline: dict[str, Any]) -> str:
    """Weft beside Linux, one table for each point, and what it says in words."""
    points: dict[tuple[str, int, str], list[dict[str, Any]]] = {}
    for ratio in ratios:
        points.setdefault((ratio["accel"], ratio["cpus"], ratio["variant"]), []).append(ratio)
    lines = []
    for (mode, cpus, variant), rows in points.items():
        title = f"Weft beside Linux, {mode}, {cpus} CPUs, -cpu {rows[0]['cpu_model']}"
        header = ["Weft", "Linux", "Weft p50", "Linux p50", "Linux/Weft", "lowest", "highest"]
        cells = [
            [
                row["weft"],
                row["linux"],
                number(row["weft_p50"]),
                number(row["linux_p50"]),
                *(f"{row[key]:.2f}" for key in ("ratio", "low", "high")),
            ]
            for row in rows
        ]
        rounds = f"{rows[0]['rounds']} interleaved rounds" if rows[0]["rounds"] > 1 else "one round"
        words = [f"  {line}" for line in (*summary(rows), repeated(rows)) if line]
        lines += [f"{title}, {variant}" if variant else title, f"  {RATIO_TEXT[rows[0]['unit']]}; {rounds}", ""]
        lines += [*aligned([header, *cells]), "", *words, ""]
    low, high = baseline["loads"]
    lines.append(f"  {baseline['system']} ({baseline['package']}); load of the host {low:.2f} to {high:.2f}")
    for label, words in baseline["command_lines"].items():
        lines += [f"  {label}: {words}", f"    {facts_text(baseline['facts'][label])}"]
    return "\n".join(lines)


IDLES = {
    "hlt": "an idle CPU halts",
    "mwait": "an idle CPU waits with MWAIT",
    "poll": "an idle CPU polls",
}


def facts_text(facts: dict[str, Any]) -> str:
    """How a Linux idled and what it did about flaws of processors, in words."""
    offered = "MWAIT is offered" if facts["mwait"] else "MWAIT is not offered"
    active = [
        f"{flaw} ({text.removeprefix('Mitigation: ').split(';')[0]})"
        for flaw, text in facts["mitigations"].items()
        if text.startswith("Mitigation")
    ]
    return (
        f"-cpu {facts['cpu_model']}; {IDLES.get(facts['idle'], 'how it idles is not known')} ({offered}); "
        f"mitigations in force: {', '.join(active) or 'none'}"
    )


def aligned(rows: list[list[str]], words: int = 2) -> list[str]:
    """Lines of columns as wide as they must be; the first ones are words, the others numbers."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for index, row in enumerate(rows):
        cells = [
            cell.ljust(width) if column < words else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  " + "  ".join(cells).rstrip())
        if index == 0:
            lines.append("  " + "  ".join("-" * width for width in widths))
    return lines
