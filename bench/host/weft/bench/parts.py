# SPDX-License-Identifier: Apache-2.0
"""From a suite and what the user asked for to the plans that are run: one, or one for each part.

    plans = plans_of(suite, request, catalogue, launcher)

A suite with `parts = ["ipc", "kernel", ...]` consists of other suites; a part that has parts itself stands for
these. Each keeps its own modes, variants, tracing and baseline. `[part.NAME]` may give it other `runs`,
`modes`, `timeout_seconds` and parameters (`guest`), and fix its number of `cpus`; `[trace] total` is the most
that any part's rings may have, so that captures stay small. What the user asks for holds for all parts, with
these exceptions:

- --cpus: a part's variants that have a number of CPUs of their own keep it. Parts that need more are left out.
- --accel: parts that are not made for the mode are left out; kvm stands in where a part has tcg.
- --only: narrows each part, and those with nothing left are left out.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from typing import Any

from weft.bench import grid
from weft.bench.catalogue import Catalogue, Suite
from weft.bench.errors import BenchError
from weft.bench.launcher import Launcher
from weft.bench.plan import NothingToMeasure, Options, Plan
from weft.machine_config import parse_size

OVERRIDES = {"cpus": int, "runs": int, "modes": list, "timeout_seconds": int, "guest": dict}


def parts_of(bench_root: Path, suite: Suite, above: tuple[str, ...] = ()) -> list[Suite]:
    """The suites that it consists of: itself, if it has no parts; of a part that has parts, these."""
    if not suite.parts:
        return [suite]
    place = f"suite {suite.name}"
    if suite.name in above:
        raise BenchError(f"{place}: it is a part of itself")
    found: list[Suite] = []
    for name in suite.parts:
        part = Suite.load(bench_root, name)
        if part.tools is not None:
            raise BenchError(f"{place}: {name} cannot be a part: it boots nothing")
        found += parts_of(bench_root, part, (*above, suite.name))
    names = [part.name for part in found]
    strange = sorted(set(suite.overrides) - set(names))
    if strange:
        raise BenchError(f"{place}: [part.{strange[0]}] is none of its parts")
    if len(set(names)) != len(names):
        raise BenchError(f"{place}: a part stands there twice")
    return [_settled(suite, part) for part in found]


def _settled(suite: Suite, part: Suite) -> Suite:
    """A part with what the whole says of it."""
    name = part.name
    given = suite.overrides.get(name, {})
    for key, value in given.items():
        if not isinstance(value, OVERRIDES.get(key, ())):
            raise BenchError(f"suite {suite.name}: [part.{name}] cannot have {key} = {value!r}")
    changes: dict[str, Any] = {key: tuple(value) if key == "modes" else value for key, value in given.items()}
    if fixed := changes.pop("cpus", 0):
        changes["variants"] = tuple(replace(variant, cpus=variant.cpus or fixed) for variant in part.variants)
    if "guest" in changes:
        changes["guest"] = part.guest | changes["guest"]
    if parse_size(suite.trace_total) and parse_size(suite.trace_total) < parse_size(part.trace_total):
        changes["trace_total"] = suite.trace_total
    return replace(part, **changes)


def plans_of(
    bench_root: Path, suite: Suite, request: Namespace, catalogue: Catalogue, launcher: Launcher, commit: str
) -> list[Plan]:
    """Checks, builds what the boots need, and plans them."""
    given = dict(pair.split("=", 1) for pair in request.set)
    cpus = suite.cpus if request.cpus is None else request.cpus
    if not 1 <= cpus <= 255:
        raise BenchError(f"--cpus must be 1 to 255, not {cpus}", code=2)
    mode = launcher.settle(request.accel) if request.accel else None
    parts = parts_of(bench_root, suite)
    if mode and suite.parts:
        parts = [replace(part, modes=(mode,)) for part in parts if _has(part, mode)]
    if request.only:
        parts = _narrowed(parts, request.only.split(","), catalogue, bool(suite.parts))
    if not parts:
        raise BenchError(f"suite {suite.name}: none of its parts is left", code=2)
    parts = [_expanded(part, given) for part in parts]
    for part in parts:
        part.selected(catalogue)  # says so where one is unknown
    variants = [(variant.design, _traced(part, request) and variant.trace) for part in parts for variant in part.variants]
    print("building the bench kernel, its boot image and the trace tool", file=sys.stderr, flush=True)
    for design, compiled_in in sorted(set(variants)):
        launcher.prepare(trace=compiled_in, design=design)
    compared = bool(request.baseline) or any(part.baseline for part in parts)
    package = launcher.prepare_baseline() if compared else ""
    settled = Options(
        out=request.out, modes=(), cpus=cpus, cpu_model=request.cpu, runs=1, trace=True, commit=commit, guest={},
        cpus_given=request.cpus is not None and not suite.parts,
    )  # fmt: skip
    plans = []
    for part in parts:
        own = replace(
            settled,
            modes=part.modes if suite.parts or not mode else (mode,),
            runs=request.runs or part.runs,
            trace=_traced(part, request),
            guest={**part.guest, **given},
            baseline=package if request.baseline or part.baseline else "",
            part=part.name if suite.parts else "",
        )
        try:
            plans.append(Plan(own, part, catalogue))
        except NothingToMeasure as error:
            if not suite.parts or (part is parts[-1] and not plans):
                raise
            print(f"left out: {error}", file=sys.stderr)
    return plans


def _has(part: Suite, mode: str) -> bool:
    return mode in part.modes or (mode == "kvm" and "tcg" in part.modes)


def _traced(part: Suite, request: Namespace) -> bool:
    return part.trace and not request.no_trace


def _narrowed(parts: list[Suite], words: list[str], catalogue: Catalogue, composed: bool) -> list[Suite]:
    """A plain suite takes what is asked for instead of its own; of parts each keeps what it has of it."""
    if not composed:
        return [replace(part, select=tuple(words)) for part in parts]
    wanted = {name.name for name in replace(parts[0], select=tuple(words)).selected(catalogue)}
    chosen = [(part, [found.name for found in part.selected(catalogue) if found.name in wanted]) for part in parts]
    return [replace(part, select=tuple(names)) for part, names in chosen if names]


def _expanded(part: Suite, given: dict[str, str]) -> Suite:
    return replace(part, variants=grid.expand(part.variants, part.grid, given, f"suite {part.name}"))
