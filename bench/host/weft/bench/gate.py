# SPDX-License-Identifier: Apache-2.0
"""`weft bench gate`: fails a change that makes a figure worse than bench/reference.json.

    ./weft bench gate               # 0: nothing is worse; 1: something is, and what grew is named
    ./weft bench gate --update      # writes the reference: for a change that is worth what it costs

Only icount figures, which are the same on every machine: without tracing, and with it. With tracing each
call is cut into its stages, and the reference has these too: so a call that takes longer says where. It
also has the size of every function of the kernel without tracing, and those that grew are named: that
says which code is new, not how often it runs.

Gated are medians. What remains belongs to no path: `max` is moved by a timer interrupt now and then; `min` and p99,
where several clients are at work, are the round trips in which the others happened to wait; and with tracing p99
tells which calls opened a page of the ring.
"""

from __future__ import annotations

import argparse
import subprocess
from pathlib import Path
from typing import Any

from weft import build
from weft.bench.compare import Key, Run
from weft.bench.errors import BenchError
from weft.bench.results import read_json, write_json
from weft.bench.table import aligned, number
from weft.paths import ROOT

REFERENCE = ROOT / "bench" / "reference.json"
SCHEMA = "weft-gate-1"
SUITE = "quick"
GATED = "p50"
KINDS = {"without tracing": ["--no-trace"], "with tracing": []}
TABLES = ("figures", "stages", "functions")

Table = dict[str, int]


def measure(bench: Any, out: Path) -> dict[str, Table]:
    """Runs the suite both ways. `bench` runs `weft bench` with arguments and gives its exit code."""
    found: dict[str, Table] = {name: {} for name in TABLES}
    for kind, arguments in KINDS.items():
        folder = out / kind.replace(" ", "-")
        if bench(["--suite", SUITE, "--accel", "icount", "--out", str(folder), *arguments]) != 0:
            raise BenchError(f"the suite {SUITE} failed {kind}")
        for key, figure in Run.load(folder).figures.items():
            found["figures"][f"{label_of(kind, key)}, {GATED}"] = figure.statistics[GATED]
        (run,) = read_json(folder / "details.json")["runs"]
        for name, call in (run.get("stages") or {}).items():
            for stage, numbers in call["stages"].items():
                found["stages"][f"{name}: {stage}"] = numbers["p50"]
    found["functions"] = functions_of(build.kernel("bench", trace=False))
    return found


def label_of(kind: str, key: Key) -> str:
    """What a figure is called in the reference."""
    _, cpus, name, params = key
    return " ".join(word for word in (kind + ":", name, params, f"{cpus} CPUs") if word)


def functions_of(kernel: Path) -> Table:
    """The size in bytes of each function; those of one name are added up."""
    try:
        done = subprocess.run(
            ["llvm-nm", "--print-size", "--defined-only", str(kernel)], check=True, capture_output=True, text=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise BenchError(f"llvm-nm {kernel}: {error}") from error
    sizes: Table = {}
    for line in done.stdout.splitlines():
        fields = line.split()
        if len(fields) == 4 and fields[2] in "tT":
            sizes[fields[3]] = sizes.get(fields[3], 0) + int(fields[1], 16)
    return sizes


def worse(reference: Table, found: Table) -> list[str]:
    """The names of what is larger now, or was not there."""
    return [name for name, value in found.items() if value > reference.get(name, 0)]


def judge(reference: dict[str, Table], found: dict[str, Table]) -> tuple[bool, str]:
    """Whether it passes, and the words for it."""
    slower = worse(reference["figures"], {n: v for n, v in found["figures"].items() if n in reference["figures"]})
    missing = sorted(reference["figures"].keys() - found["figures"].keys())
    if missing:
        return False, f"{missing[0]} is in the reference and was not measured ({len(missing)} such)"
    if not slower:
        better = [name for name, value in reference["figures"].items() if found["figures"][name] < value]
        if not better:
            return True, f"all {len(found['figures'])} figures are those of the reference, or new"
        return True, "\n".join(
            [f"no figure is worse; better: {len(better)} (./weft bench gate --update keeps them)", "",
             *_table("figure", reference["figures"], found["figures"], better)])  # fmt: skip
    parts = [f"worse than the reference: {len(slower)} of {len(found['figures'])} figures", "", *_table("figure", reference["figures"], found["figures"], slower)]
    for title, table in (("stages that grew", "stages"), ("functions that grew, bytes", "functions")):
        grown = worse(reference[table], found[table])
        if grown:
            parts += ["", *_table(title, reference[table], found[table], grown)]
    parts += ["", "if it is worth that: ./weft bench gate --update, and say so in the commit"]
    return False, "\n".join(parts)


def _table(title: str, reference: Table, found: Table, names: list[str]) -> list[str]:
    rows = [
        [name, number(reference.get(name, 0)), number(found[name]), f"{found[name] - reference.get(name, 0):+,}"]
        for name in names
    ]
    return aligned([[title, "reference", "now", ""], *rows], words=1)


def run(options: argparse.Namespace, bench: Any) -> int:
    """The command."""
    if not options.update and not options.reference.is_file():
        raise BenchError(f"{options.reference} is not there (./weft bench gate --update makes it)", code=2)
    found = measure(bench, options.out)
    if options.update:
        write_json(options.reference, {"schema": SCHEMA, **{name: dict(sorted(found[name].items())) for name in TABLES}})
        print(f"reference {options.reference}: {len(found['figures'])} figures")
        return 0
    reference = read_json(options.reference)
    if not isinstance(reference, dict) or reference.get("schema") != SCHEMA or not set(TABLES) <= set(reference):
        raise BenchError(f"{options.reference}: not a reference of this version (./weft bench gate --update)")
    passed, words = judge(reference, found)
    print(f"\n{words}")
    return 0 if passed else 1


