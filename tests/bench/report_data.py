# SPDX-License-Identifier: Apache-2.0
"""Data of a run that has everything that a report can show, and more of it than any real one.

    results, details = everything()

Made up, but of the form that real ones have: three designs over 1 to 64 CPUs in two modes, messages of 0 to 8
words, a grid of 240 points, all pairs of 16 CPUs, Linux beside it (which wins once), a reference run.
"""

from __future__ import annotations

import itertools
import json
import random
from typing import Any

from bench_fakes import CLOCK_HZ, record
from weft.bench.records import STATISTICS
from weft.bench.stages import STAGES

DESIGNS = ("mailbox", "big-kernel-lock", "ipi-handshake")
CPUS = (1, 2, 4, 8, 16, 32, 64)
GRID = {"policy": ["fixed", "edf", "fair"], "samples": [10, 20, 30, 40, 50], "idle": ["adaptive", "poll", "halt", 50]}
MATRIX = 16


def everything() -> tuple[dict[str, Any], dict[str, Any]]:
    """results.json and details.json."""
    source = random.Random(5)
    runs = [
        *(_run("designs", mode, cpus, _designs(source, mode, cpus)) for mode in ("icount", "tcg") for cpus in CPUS),
        _run("ipc", "icount", 4, _messages(source, "icount")),
        _run("ipc", "tcg", 4, _messages(source, "tcg"), capture="trace.weft"),
        _run("matrix", "icount", MATRIX, _matrix(source)),
        *(_run("grid", "icount", cpus, _grid(source, cpus)) for cpus in (1, 2, 4, 8)),
    ]
    parts = {"designs": "Three designs", "ipc": "Messages", "matrix": "All pairs", "grid": "A grid"}
    details: dict[str, Any] = {
        "schema": "weft-bench-details-1",
        "suite": "everything",
        "trace": True,
        "command_line": "samples=200",
        "directory": "out/everything",
        "date": "2026-01-01 00:00 UTC",
        "invocation": "./weft bench --suite everything",
        "environment": {"host CPU": "an abacus", "KVM": "none"},
        "parts": [{"name": name, "title": title, "grid": GRID if name == "grid" else {}} for name, title in parts.items()],
        "runs": [detail for _, detail in runs],
        "reference": _reference(),
        "baseline": {"package": "linux-image-fake", "system": "Linux 6.1", "loads": [0.1, 2.5],
                     "command_lines": {"tcg": "console=ttyS0 mitigations=off"}},
    }  # fmt: skip
    results = {"schema": "weft-results-1", "runs": [run for run, _ in runs], "ratios": _ratios()}
    return results, details


def _figure(name: str, values: list[int], /, **params: Any) -> dict[str, Any]:
    data = json.loads(record(name, values)[len("@weft ") :])
    data["params"] = params
    pair = [params["client_cpu"], params["server_cpu"]] if "client_cpu" in params else None
    extra = {"repetitions": 3, "p50_low": int(data["p50"] * 0.93), "p50_high": int(data["p50"] * 1.1), "medians": [data["p50"]] * 3}
    return {**{key: data[key] for key in ("name", "unit", "n", *STATISTICS, "params", "histogram")}, **extra, "pair": pair}


def _run(part: str, mode: str, cpus: int, figures: list[dict[str, Any]], capture: str | None = None) -> tuple[Any, Any]:
    for figure in figures:
        figure["params"]["part"] = part
        if mode == "icount":
            figure |= {"p50_low": figure["p50"], "p50_high": figure["p50"]}
    entries = [
        {**{key: figure[key] for key in ("name", "n", *STATISTICS, "params")}, "unit": "instructions" if mode == "icount" else "cycles"}
        for figure in figures
    ]
    run = {"arch": "x86_64", "cpus": cpus, "accel": mode, "qemu": "7.2.22", "cpu_model": "max", "profile": "bench",
           "commit": "0123456789abcdef", "results": entries}  # fmt: skip
    spans = {"all": [100_000, 900_000], "median": [100_000, 140_000], "slowest": [600_000, 800_000], "tracks": ["client 7*"]}
    detail = {
        "part": part, "accel": mode, "cpus": cpus, "command": "qemu-system-x86_64 -smp 4", "seconds": [1.5], "loads": [0.3],
        "clock_hz": CLOCK_HZ, "console": ["console.log"], "capture": capture, "others": [], "figures": figures,
        "places": {str(figure["params"].get("thread")): spans for figure in figures} if capture else {},
        "stages": {"ipc.call.cross_core": _stages()} if capture else {},
    }  # fmt: skip
    return run, detail


def _samples(source: random.Random, centre: int, mode: str) -> list[int]:
    if mode == "icount":
        return [centre] * 190 + [centre + 29] * 10
    return [int(centre * 20 * source.lognormvariate(0, 0.3) * (30 if source.random() < 0.01 else 1)) for _ in range(200)]


def _designs(source: random.Random, mode: str, cpus: int) -> list[dict[str, Any]]:
    costs = {"mailbox": 960, "big-kernel-lock": 700 + 90 * cpus, "ipi-handshake": 1500 + 3 * cpus}
    names = ("ipc.call.cross_core", "ipc.call.pairs.share")
    return [
        _figure(name, _samples(source, costs[design], mode), variant=design) for design in DESIGNS for name in names
    ]


def _messages(source: random.Random, mode: str) -> list[dict[str, Any]]:
    words = [_figure("ipc.call.same_core", _samples(source, 250 + 6 * count, mode), words=count, thread=count) for count in range(9)]
    return [
        *words,
        _figure("ipc.call.cross_core", _samples(source, 960, mode), thread=77, server_thread=78),
        _figure("thread.switch", _samples(source, 130, mode), thread=79),
        _figure("syscall.null", [50] * 200, thread=80),
        _figure("linux.pipe.cross_core", _samples(source, 15_800, mode)),
        _figure("a.benchmark.with.quite.a.long.name.that.nobody.knows", _samples(source, 1_234_567, mode), thread=81),
    ]


def _matrix(source: random.Random) -> list[dict[str, Any]]:
    pairs = itertools.product(range(MATRIX), repeat=2)
    return [
        _figure("ipc.call.matrix", [250 if a == b else 960 + source.randrange(300)] * 20, client_cpu=a, server_cpu=b)
        for a, b in pairs
    ]


def _grid(source: random.Random, cpus: int) -> list[dict[str, Any]]:
    values = [dict(zip(GRID, chosen, strict=True)) for chosen in itertools.product(*GRID.values())]
    return [_figure("syscall.null", [50 + cpus + source.randrange(3)] * 20, **chosen) for chosen in values]


def _ratios() -> list[dict[str, Any]]:
    rows = []
    ways = [("ipc.call.cross_core", "linux.pipe.cross_core", 16.4), ("ipc.call.cross_core", "best of pipe, futex, eventfd", 14.2),
            ("thread.switch", "linux.sched_yield", 16.1), ("syscall.null", "linux.getppid", 0.62)]  # fmt: skip
    for mode, spread in (("icount", 0.0), ("tcg", 0.3)):
        for weft, linux, ratio in ways:
            rows.append({"accel": mode, "cpus": 4, "variant": "", "weft": weft, "linux": linux,
                         "unit": "instructions" if mode == "icount" else "cycles", "weft_p50": 1000,
                         "linux_p50": int(1000 * ratio), "rounds": 8, "ratio": ratio,
                         "low": round(ratio * (1 - spread), 2), "high": round(ratio * (1 + spread), 2)})  # fmt: skip
    return rows


def _reference() -> dict[str, Any]:
    def row(mode: str, name: str, before: int, after: int, changed: bool) -> dict[str, Any]:
        sure = {"low": 0.9 * after / before, "high": 1.1 * after / before, "confidence": 0.956} if mode == "tcg" else {}
        return {"mode": mode, "cpus": 4, "name": name, "params": "words=4", "unit": "cycles", "before": {"p50": before},
                "after": {"p50": after}, "ratio": after / before, "low": None, "high": None, "confidence": None,
                "changed": ["p50"] if changed else [], **sure}  # fmt: skip

    rows = [row("icount", "ipc.call.same_core", 250, 253, True), row("icount", "thread.switch", 130, 130, False),
            row("tcg", "ipc.call.same_core", 9000, 12000, True), row("tcg", "thread.switch", 9000, 9010, False)]  # fmt: skip
    return {"what": "out/before", "commit": "fedcba9876543210", "rows": rows}


def course() -> list[str]:
    """The stages that take time in `everything`."""
    return [name for name in STAGES if name != "entry"]


def _stages() -> dict[str, Any]:
    times = dict(zip(course(), (64, 172, 100, 198, 157, 345, 154), strict=True)) | {"entry": 0}
    parts = {name: {key: times[name] * 20 * (index + 1) // 2 for index, key in enumerate(STATISTICS)} for name in STAGES}
    whole = {key: sum(part[key] for part in parts.values()) for key in STATISTICS}
    return {"calls": 250, "messages": 250, "round_trip": whole, "stages": parts}
