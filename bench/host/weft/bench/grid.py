# SPDX-License-Identifier: Apache-2.0
"""Grids as data: lists of values whose product makes the variants of a suite.

    [grid]                                    # in bench/suites/NAME.toml
    cpus = [1, 2, 4]                          # CPUs of the guest
    trace = [true, false]                     # tracing compiled in or left out
    policy = ["fixed", "edf", "fair"]         # any other key is a word of the kernel's command line
    samples = [10, 100]                       # or a parameter of the benchmark program

    variants = expand(suite.variants, suite.grid, {"policy": "edf"}, place)

Each point is a variant of its own: its boots are labelled `policy-edf-samples-10`, and its figures carry
its values in their parameters. The product is taken with the suite's [[variant]] tables, if it has any. A
value that the user has given for the whole run (`--set policy=edf`) takes the place of its list.

A word that neither the kernel nor a benchmark program reads would make a grid of points that are all the
same, so it is refused. The words are found in the sources.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from functools import cache
from typing import Any

from weft.bench.catalogue import Variant
from weft.bench.errors import BenchError
from weft.paths import ROOT

POINTS_MAX = 10_000
OF_VARIANT = {"cpus": int, "trace": bool, "design": str}  # fields, where Variant has them
VALUE = re.compile(r"[\w.,:+-]+")


def expand(
    variants: Sequence[Variant], grid: Mapping[str, Any], given: Mapping[str, Any], place: str
) -> tuple[Variant, ...]:
    """All points; BenchError where the grid says something that cannot be."""
    if not grid:
        return tuple(variants)
    columns = {key: _values(key, values, place) for key, values in grid.items()}
    columns = {key: [given[key]] if key in given else values for key, values in columns.items()}
    points = len(variants) * math.prod(len(values) for values in columns.values())
    if points > POINTS_MAX:
        raise BenchError(f"{place}: [grid] has {points:,} points, more than {POINTS_MAX:,}: shorten its lists")
    chosen = [dict(zip(columns, values, strict=True)) for values in itertools.product(*columns.values())]
    return tuple(_point(variant, values) for variant in variants for values in chosen)


def _point(variant: Variant, values: dict[str, Any]) -> Variant:
    own = {key: value for key, value in values.items() if _kind(key, [value])}
    words = {key: value for key, value in values.items() if key not in own}
    line = " ".join([*variant.weft.split(), *(f"{key}={value}" for key, value in words.items())])
    told = {key: value for key, value in values.items() if key != "cpus"}  # which a run says itself
    return replace(variant, weft=line, grid=tuple(told.items()), **own)


def _values(key: str, values: Any, place: str) -> list[Any]:
    where = f"{place}: [grid] {key}"
    if not isinstance(values, list) or not values:
        raise BenchError(f"{where} must be a list of at least one value")
    kind = _kind(key, values)
    for value in values:
        if kind and type(value) is not kind:
            raise BenchError(f"{where}: {value!r} is no {kind.__name__}")
        if not isinstance(value, (int, str)) or not VALUE.fullmatch(str(value)):
            raise BenchError(f"{where}: {value!r} cannot stand on the guest's command line")
    if key == "cpus" and not all(1 <= value <= 255 for value in values):
        raise BenchError(f"{where} must be 1 to 255 each")
    if len({str(value) for value in values}) != len(values):
        raise BenchError(f"{where}: a value stands there twice")
    if kind is None and key not in known_words():
        raise BenchError(f"{where}: neither the kernel nor a benchmark program reads {key}=")
    return values


def _kind(key: str, values: Sequence[Any]) -> type | None:
    """Of a field of Variant; None for a word of the command line. `trace` may be either: compiled in or
    not, or which categories are on."""
    if key not in {field.name for field in fields(Variant)}:
        return None
    return None if key == "trace" and not isinstance(values[0], bool) else OF_VARIANT.get(key)


@cache
def known_words() -> frozenset[str]:
    """The keys that the kernel and the benchmark programs read from the command line."""
    kernel = re.findall(r'\{"(\w+)=', (ROOT / "kernel" / "core" / "options.c").read_text(encoding="utf-8"))
    guest = [
        word
        for path in sorted((ROOT / "bench" / "guest").glob("*.c"))
        for word in re.findall(r'weft_argument(?:_number)?\("(\w+)"', path.read_text(encoding="utf-8"))
    ]
    return frozenset({*kernel, *guest} - {"role", "n", "only", "trace_ring"})
