# SPDX-License-Identifier: Apache-2.0
"""`weft bench --suite trace-tools`: how fast the trace tools read a large capture, beside babeltrace2.

    run(suite, out, parameters, runs)   -> exit code; prints the table, writes out/tools.json

The capture is made by tests/trace/bulk.py, the same one every time, or given with `--set capture=FILE`.
Each round runs every command once, one after the other, each pinned to one CPU, so that whatever else the
host does meets all alike; the best round counts. What is measured is processor time, user and system, as
the kernel accounts it to the process (wait4). Our commands run under a limit of anonymous memory: one that
wants more fails.

babeltrace2 reads a CTF of the same events, written by `weft trace ctf`. `count` is its sink.utils.counter,
which takes every event and does nothing with it; the number that it tells must be ours. `print` is what
it does by default: a line of text for each event.
"""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from weft import build, setup
from weft.bench.catalogue import Suite
from weft.bench.environment import commit_of, describe_host
from weft.bench.errors import BenchError
from weft.bench.results import write_json
from weft.machine_config import UsageError, parse_size
from weft.paths import ROOT

BULK = ROOT / "tests" / "trace" / "bulk.py"
BYTES_OF_EVENT = 16 + 64 + 24  # in the capture, as a timeline, and as CTF: for the disk's sake
# What the project wants of each, in events a second; of convert also against babeltrace2.
TARGETS = {"check": 10e6, "stat": 10e6, "latency": 10e6, "convert": 5e6}
RATIO = 10
COUNTED = re.compile(r"^\s*(\d+) Event messages$", re.MULTILINE)


@dataclass(frozen=True)
class Command:
    """One thing that is measured."""

    name: str
    argv: tuple[str, ...]
    ours: bool


@dataclass(frozen=True)
class Cost:
    """Seconds of processor time."""

    user: float
    system: float

    @property
    def total(self) -> float:
        return self.user + self.system


@dataclass(frozen=True)
class Work:
    """The files of a run."""

    folder: Path
    capture: Path

    @property
    def timeline(self) -> Path:
        return self.folder / "timeline.pftrace"

    @property
    def ctf(self) -> Path:
        return self.folder / "ctf"


def commands(work: Work) -> list[Command]:
    tool, capture, ctf = str(build.host_tool()), str(work.capture), str(work.ctf)
    reader = "babeltrace2"
    return [
        *(Command(name, (tool, name, capture), True) for name in ("check", "stat", "latency")),
        Command("convert", (tool, "convert", capture, "-o", str(work.timeline)), True),
        Command("convert to /dev/null", (tool, "convert", capture, "-o", "/dev/null"), True),
        Command("babeltrace2, count", (reader, ctf, "--component", "sink.utils.counter"), False),
        Command("babeltrace2, print", (reader, ctf), False),
    ]


def measure(argv: Sequence[str], memory: int | None, cpu: int) -> Cost:
    """Runs a command on one CPU; its output is thrown away. Raises BenchError when it fails."""

    def confine() -> None:
        os.sched_setaffinity(0, {cpu})
        if memory is not None:
            resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))

    with tempfile.TemporaryFile() as errors:
        try:
            process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors, preexec_fn=confine
            )
        except OSError as error:
            raise BenchError(f"cannot run {argv[0]}: {error.strerror}") from error
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            process.wait()
            raise
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            told = errors.read().decode(errors="replace").strip().splitlines() or ["it said nothing"]
            raise BenchError(f"{' '.join(argv[:2])} ended with {process.returncode}: {told[-1]}")
    return Cost(usage.ru_utime, usage.ru_stime)


def run(
    suite: Suite,
    out: Path,
    parameters: Mapping[str, str],
    runs: int,
    told: Callable[[str], None] = print,
) -> int:
    """See the module."""
    wanted = _wanted(suite, parameters)
    setup.setup("compare")
    build.build([build.host_tool()])
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="trace-tools-", dir=out) as folder:
            results = _run_in(Path(folder), wanted, runs)
    except OSError as error:
        raise BenchError(f"cannot write to {out}: {error.strerror}") from error
    results |= {"environment": describe_host(), "commit": commit_of(ROOT)}
    write_json(out / "tools.json", results)
    told(render(results))
    told(f"\nresults   {out / 'tools.json'}")
    return 0


def _wanted(suite: Suite, parameters: Mapping[str, str]) -> dict[str, Any]:
    """The suite's parameters with the user's over them."""
    assert suite.tools is not None
    unknown = set(parameters) - {*suite.tools, "capture"}
    if unknown:
        raise BenchError(f"suite {suite.name} has no parameter {', '.join(sorted(unknown))}", code=2)
    wanted = {**suite.tools, **parameters}
    if not re.fullmatch(r"\d{1,10}", str(wanted["events"])) or not int(wanted["events"]):
        raise BenchError(f"events must be a number above 0, not '{wanted['events']}'", code=2)
    try:
        memory = parse_size(str(wanted["memory"]))
    except UsageError as error:
        raise BenchError(f"memory: {error}", code=2) from error
    if "capture" in wanted and not Path(wanted["capture"]).is_file():
        raise BenchError(f"no file {wanted['capture']}", code=2)
    return {**wanted, "events": int(wanted["events"]), "memory": memory}


def _run_in(folder: Path, wanted: Mapping[str, Any], runs: int) -> dict[str, Any]:
    room = shutil.disk_usage(folder).free
    needed = int(wanted["events"]) * BYTES_OF_EVENT
    if "capture" not in wanted and room < needed:
        raise BenchError(f"needs {needed / 1e9:.1f} GB on the disk of {folder.parent}, there are {room / 1e9:.1f}")
    work = Work(folder, _capture(folder, wanted))
    cpu = min(os.sched_getaffinity(0))
    ctf = measure((str(build.host_tool()), "ctf", str(work.capture), "-o", str(work.ctf)), None, cpu)
    events = _count(work)
    costs: dict[str, list[Cost]] = {}
    for turn in range(runs):
        for command in commands(work):
            print(f"{turn + 1}/{runs} {command.name} ...", file=sys.stderr, flush=True)
            cost = measure(command.argv, wanted["memory"] if command.ours else None, cpu)
            costs.setdefault(command.name, []).append(cost)
    best = {name: min(every, key=lambda cost: cost.total) for name, every in costs.items()}
    return {
        "schema": "weft-trace-tools-1",
        "events": events,
        "runs": runs,
        "memory_bytes": wanted["memory"],
        "bytes": {
            "capture": work.capture.stat().st_size,
            "timeline": work.timeline.stat().st_size,
            "ctf": sum(path.stat().st_size for path in work.ctf.iterdir()),
        },
        "ctf": asdict(ctf),
        "rounds": {name: [asdict(cost) for cost in every] for name, every in costs.items()},
        "best": {
            name: {**asdict(cost), "events_per_second": round(events / max(cost.total, 1e-6))}
            for name, cost in best.items()
        },
    }


def _capture(folder: Path, wanted: Mapping[str, Any]) -> Path:
    if "capture" in wanted:
        return Path(wanted["capture"])
    print(f"making a capture of {wanted['events']:,} events", file=sys.stderr, flush=True)
    capture = folder / "bulk.weft"
    environment = {**os.environ, "PYTHONPATH": str(build.BUILD / "gen" / "python")}
    done = subprocess.run(
        [sys.executable, str(BULK), str(capture), str(wanted["events"] / 1e6)],
        env=environment, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise BenchError(f"{BULK.name} failed: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
    return capture


def _count(work: Work) -> int:
    """How many events there are: the tool and babeltrace2 must say the same."""
    done = subprocess.run([build.host_tool(), "stat", work.capture, "--json"], capture_output=True, text=True)
    if done.returncode:
        raise BenchError((done.stderr.strip().splitlines() or ["weft-trace stat failed"])[-1])
    ours = sum(cpu["events"] for cpu in json.loads(done.stdout)["cpus"])
    counter = next(command for command in commands(work) if command.name == "babeltrace2, count")
    shown = subprocess.run(counter.argv, capture_output=True, text=True).stdout
    theirs = [int(count) for count in COUNTED.findall(shown)]
    if not theirs or theirs[-1] != ours:
        raise BenchError(f"the capture has {ours} events, babeltrace2 reads {theirs[-1] if theirs else 'none'}")
    return ours


# ---- for people ------------------------------------------------------------------------------


def render(results: Mapping[str, Any]) -> str:
    """The table, then the ratios."""
    sizes = results["bytes"]
    lines = [
        f"{results['events']:,} events ({sizes['capture'] / 1e6:,.0f} MB); one core, best of {results['runs']}"
        f" interleaved rounds; our commands with at most {results['memory_bytes'] >> 20} MiB of anonymous memory",
        "",
        f"  {'command':22} {'user s':>8} {'system s':>9} {'million events/s':>17}",
        f"  {'-' * 22} {'-' * 8} {'-' * 9} {'-' * 17}",
    ]
    for name, cost in results["best"].items():
        rate = cost["events_per_second"]
        target = TARGETS.get(name)
        verdict = "" if target is None else f"  target {target / 1e6:.0f}: {'met' if rate >= target else 'MISSED'}"
        lines.append(f"  {name:22} {cost['user']:8.2f} {cost['system']:9.2f} {rate / 1e6:17.2f}{verdict}")
    return "\n".join([*lines, "", *_ratios(results["best"]), *_sizes(results)])


def ratio(best: Mapping[str, Mapping[str, float]], ours: str, theirs: str) -> float:
    def total(name: str) -> float:
        return best[name]["user"] + best[name]["system"]

    return total(theirs) / max(total(ours), 1e-6)


def _ratios(best: Mapping[str, Mapping[str, float]]) -> list[str]:
    """The same kind of work side by side: from a trace to another form, and reading only."""
    pairs = [
        ("convert", "babeltrace2, print", "every event in another form, written to a file and to /dev/null"),
        ("convert to /dev/null", "babeltrace2, print", "the same, both to /dev/null"),
        ("convert", "babeltrace2, count", "a timeline against reading only"),
        ("check", "babeltrace2, count", "reading only; check also follows every rule"),
    ]
    lines = []
    for ours, theirs, what in pairs:
        times = ratio(best, ours, theirs)
        verdict = f"; target {RATIO}: {'met' if times >= RATIO else 'MISSED'}" if ours.startswith("convert") else ""
        lines.append(f"  {theirs} / {ours}: {times:.1f} times ({what}{verdict})")
    return lines


def _sizes(results: Mapping[str, Any]) -> list[str]:
    sizes, ctf, events = results["bytes"], results["ctf"], results["events"]
    return [
        f"  the timeline has {sizes['timeline'] / 1e6:,.0f} MB ({sizes['timeline'] / events:.1f} bytes an event),"
        f" the CTF {sizes['ctf'] / 1e6:,.0f} MB; writing it took {ctf['user']:.2f} s user, {ctf['system']:.2f} s system"
    ]
