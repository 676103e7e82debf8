# SPDX-License-Identifier: Apache-2.0
"""From boots to results.json and details.json: numbers, and what the captures say of them.

    results, details = evaluate(runner, launcher, out, catalogue)

Plan by plan. Where guest and trace contradict each other the boots of that plan are forgotten, so that the
next run makes them anew; a suite of parts goes on with the others.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from weft.bench import agreement, cost, places
from weft.bench.catalogue import Catalogue, Suite
from weft.bench.errors import BenchError
from weft.bench.gather import Gather
from weft.bench.launcher import Launcher
from weft.bench.plan import Plan
from weft.bench.results import DETAILS_SCHEMA, RESULTS_SCHEMA
from weft.bench.runner import Runner
from weft.bench.stages import collect

Found = tuple[dict[str, Any], dict[str, Any]]


def evaluate(runner: Runner, suite: Suite, launcher: Launcher, out: Path, catalogue: Catalogue) -> Found:
    """The data of results.json and of details.json (without environment and date)."""
    results: dict[str, Any] = {"schema": RESULTS_SCHEMA, "runs": []}
    details: dict[str, Any] = {
        "schema": DETAILS_SCHEMA,
        "suite": suite.name,
        "trace": any(plan.options.trace for plan in runner.plans),
        "command_line": runner.plans[0].command_line(runner.plans[0].points[0], "weft"),
        "parts": [_part(plan) for plan in runner.plans],
        "runs": [],
    }
    for plan in runner.plans:
        gather = Gather(plan, runner.boots(plan))
        try:
            with _found_wanting(runner, plan):
                runs, own = gather.results(), gather.details()
            _convert(own, launcher, out)
            with _found_wanting(runner, plan):
                _examine(own, plan, launcher, out, catalogue)
        except BenchError as error:
            runner.failed(plan, plan.options.part or plan.suite.name, error)
            continue
        results["runs"] += runs
        details["runs"] += own
        if plan.options.baseline:
            results.setdefault("ratios", []).extend(gather.ratios())
            _add_baseline(details, gather.baseline())
    details["failures"] = runner.failures
    return results, details


def _part(plan: Plan) -> dict[str, Any]:
    return {
        "name": plan.options.part or plan.suite.name,
        "title": plan.suite.title,
        "trace": plan.options.trace,
        "command_line": plan.command_line(plan.points[0], "weft"),
        "grid": plan.suite.grid,
        "points": len(plan.points),
        "left_out": plan.left_out,
    }


def _add_baseline(details: dict[str, Any], baseline: dict[str, Any]) -> None:
    """One Linux for all parts that are compared with it: the words of each stand there."""
    if not baseline:
        return
    known = details.setdefault("baseline", baseline)
    known["command_lines"] |= baseline["command_lines"]
    known["facts"] |= baseline["facts"]
    loads = [*known["loads"], *baseline["loads"]]
    known["loads"] = [min(loads), max(loads)]


@contextlib.contextmanager
def _found_wanting(runner: Runner, plan: Plan) -> Iterator[None]:
    """Boots that contradict themselves are not taken from the store again."""
    try:
        yield
    except BenchError:
        runner.forget(plan)
        raise


def _convert(runs: list[dict[str, Any]], launcher: Launcher, out: Path) -> None:
    """A Perfetto trace beside each capture. Where that fails (no room on the disk) nobody's boots are wrong."""
    for run in runs:
        if run["capture"]:
            launcher.convert(out / run["capture"], (out / run["capture"]).with_suffix(".pftrace"))


def _examine(runs: list[dict[str, Any]], plan: Plan, launcher: Launcher, out: Path, catalogue: Catalogue) -> None:
    """Adds to the runs of details.json what a capture says about the stages of calls, whether that agrees with
    what the guest measured, and where each benchmark is."""
    for run in runs:
        if run["capture"]:
            capture = out / run["capture"]
            latency = launcher.latency(capture)
            run["stages"] = collect(latency, run["figures"], run["others"])
            run["agreement"] = agreement.compare(launcher, capture, latency, run)
            run["places"] = places.collect(launcher, capture, run["figures"])
            if plan.suite.stream:
                run["stream"] = _stream(launcher, capture)
    if plan.suite.cost:
        if sum(len(run["variants"]) for run in runs) < len(plan.points):
            raise BenchError(f"suite {plan.suite.name}: costs cannot be compared, a boot is missing")
        for run in runs:
            _add_places(run, launcher, out)
        names = [benchmark.name for benchmark in plan.suite.selected(catalogue)]
        cost.collect({"runs": runs}, launcher, out, names)


def _add_places(run: dict[str, Any], launcher: Launcher, out: Path) -> None:
    """Where in the capture of its variant each benchmark is."""
    for variant in run["variants"]:
        if variant["capture"]:
            own = [figure for figure in run["figures"] if figure["params"].get("variant") == variant["name"]]
            variant["places"] = places.collect(launcher, out / variant["capture"], own)


def _stream(launcher: Launcher, capture: Path) -> dict[str, Any]:
    """How many events were streamed, and how many were lost on the way."""
    stat = launcher.stat(capture)
    return {
        "events": sum(cpu["events"] for cpu in stat["cpus"]),
        "lost": sum(cpu["lost"] for cpu in stat["cpus"]),
        "megabytes": round(capture.stat().st_size / 1e6),
    }
