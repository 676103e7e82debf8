# SPDX-License-Identifier: Apache-2.0
"""The command line of `weft bench`, and the order of things from arguments to files.

    main(["--cpus", "4", "--out", "out/bench"]) -> exit code

0 when every benchmark was measured and everything written, 1 when something failed, 2 when asked
wrongly. Files of an earlier run in the same directory that would no longer be true are removed
before the first boot, so that what lies there always belongs together.
"""

from __future__ import annotations

import argparse
import json
import re
import shlex
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from weft.bench import agreement, compare, cost, gate, table, tools
from weft.bench.catalogue import MODES, Catalogue, Suite
from weft.bench.documentation import document
from weft.bench.environment import commit_of, describe_host
from weft.bench.errors import BenchError
from weft.bench.launcher import Launcher, QemuLauncher
from weft.bench.progress import Progress
from weft.bench.report import render
from weft.bench.results import check_results, read_json, write_json
from weft.bench.plan import Options, Plan
from weft.bench.runner import Runner
from weft.bench.store import NAME as STORE_NAME
from weft.bench.store import Store
from weft.bench.stages import collect
from weft.failure import Failure
from weft.paths import OUT, ROOT

BENCH_ROOT = ROOT / "bench"
OURS = re.compile(
    r"(results\.json|details\.json|report\.html|cost\.md|trace(-[\w-]+)?\.(weft|pftrace)(\.\d+\.part)?|"
    r"(console|command)-[\w-]+\.(log|txt))"
)


def main(arguments: list[str], launcher: Launcher | None = None) -> int:
    """See the module. Tests hand in a launcher of their own."""
    try:
        if arguments and arguments[0] in SUBCOMMANDS:
            return SUBCOMMANDS[arguments[0]](arguments[1:], launcher)
        options = _parse(arguments)
        catalogue = Catalogue.load(BENCH_ROOT)
        if options.list:
            return _list_suites(catalogue)
        if options.docs:
            _write_text(options.docs, document(catalogue))
            return 0
        if options.report_only:
            return _report_only(options.out, catalogue)
        return _bench(options, arguments, catalogue, launcher or QemuLauncher())
    except BenchError as error:
        for line in error.details:
            print(f"    {line}", file=sys.stderr)
        print(f"weft bench: {error}", file=sys.stderr)
        return error.code
    except Failure as failure:
        print(f"weft bench: {failure}", file=sys.stderr)
        return failure.code
    except KeyboardInterrupt:
        print("\nweft bench: interrupted", file=sys.stderr)
        return 130


WITH_TRACE = (
    "tracing is compiled in and on: figures include the events on their way (--no-trace leaves it out)"
)
WITHOUT_TRACE = "without tracing: no trace.event figures, no capture"


class _Parser(argparse.ArgumentParser):
    """Wrong arguments in one line, without the usage text."""

    def error(self, message: str) -> NoReturn:
        raise BenchError(f"{message} (see ./weft bench --help)", code=2)


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = _Parser(
        prog="weft bench",
        description="Measures IPC, scheduling and tracing, and writes a report and a timeline.",
        epilog="example: ./weft bench --cpus 8 --accel icount --out out/eight; also: weft bench compare A B, weft bench gate",
    )
    parser.add_argument("--cpus", type=int, metavar="N", help="CPUs of the guest (default: the suite's, 4)")
    parser.add_argument(
        "--accel", choices=(*MODES, "auto"), help="one way to run (default: the suite's, icount and tcg)"
    )
    parser.add_argument(
        "--suite", default="default", metavar="NAME", help="which suite of bench/suites (default: default)"
    )
    parser.add_argument("--only", metavar="NAME,...", help="these benchmarks instead of the suite's")
    parser.add_argument(
        "--out", type=Path, default=OUT / "bench", metavar="DIR", help="where to write (default: out/bench)"
    )
    parser.add_argument(
        "--runs", type=int, metavar="N", help="repetitions, interleaved (default: the suite's, 1)"
    )
    parser.add_argument(
        "--baseline", choices=("linux",), help="boot Linux in the same machine as well, and compare"
    )
    parser.add_argument("--no-trace", action="store_true", help="take the kernel with tracing compiled out")
    parser.add_argument("--cpu", default="max", metavar="MODEL", help="QEMU's CPU model (default: max)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="a parameter for the guest"
    )
    parser.add_argument("--fresh", action="store_true", help="forget the boots of a run that was interrupted")
    parser.add_argument("--list", action="store_true", help="list the suites and their benchmarks")
    parser.add_argument(
        "--report-only", action="store_true", help="make report.html again from the files in --out"
    )
    parser.add_argument(
        "--docs", type=Path, metavar="FILE", help="write docs/benchmarks.md from the catalogue"
    )
    options = parser.parse_args(arguments)
    if options.runs is not None and options.runs < 1:
        parser.error("--runs must be at least 1")
    for pair in options.set:
        if not re.fullmatch(r"\w+=\S+", pair):
            parser.error(f"--set wants KEY=VALUE, not '{pair}'")
    return options


def _compare(arguments: list[str], _launcher: Launcher | None) -> int:
    parser = _Parser(prog="weft bench compare", description="Shows what changed from one run to another.")
    parser.add_argument("before", type=Path, metavar="A", help="folder of a run, or its results.json")
    parser.add_argument("after", type=Path, metavar="B", help="the same of the later one")
    parser.add_argument("--json", action="store_true", help="for programs")
    options = parser.parse_args(arguments)
    before, after = compare.Run.load(options.before), compare.Run.load(options.after)
    rows = compare.compare(before, after)
    if options.json:
        print(json.dumps(compare.as_json(rows), indent=1))
    else:
        print(f"A: {before.path} ({before.commit})\nB: {after.path} ({after.commit})\n\n{compare.table_of(rows)}")
    return 0


def _gate(arguments: list[str], launcher: Launcher | None) -> int:
    parser = _Parser(prog="weft bench gate", description="Fails where a figure is worse than the reference.")
    parser.add_argument("--update", action="store_true", help="write the reference instead")
    parser.add_argument("--reference", type=Path, default=gate.REFERENCE, metavar="FILE", help="another reference")
    parser.add_argument("--out", type=Path, default=OUT / "gate", metavar="DIR", help="for the two runs (default: out/gate)")
    return gate.run(parser.parse_args(arguments), lambda words: main(words, launcher))


SUBCOMMANDS = {"compare": _compare, "gate": _gate}


def _list_suites(catalogue: Catalogue) -> int:
    for name in Suite.names(BENCH_ROOT):
        suite = Suite.load(BENCH_ROOT, name)
        where = "on the host" if suite.tools else f"{', '.join(suite.modes)}; {suite.cpus} CPUs"
        print(f"{name}: {suite.title} ({where})")
        for benchmark in suite.selected(catalogue):
            print(f"    {benchmark.name}")
    return 0


def _report_only(out: Path, catalogue: Catalogue) -> int:
    results, details = read_json(out / "results.json"), read_json(out / "details.json")
    check_results(results)
    _write_text(out / "report.html", render(results, details, catalogue))
    print(f"report: {out / 'report.html'}")
    return 0


def _bench(
    options: argparse.Namespace, arguments: list[str], catalogue: Catalogue, launcher: Launcher
) -> int:
    suite = Suite.load(BENCH_ROOT, options.suite)
    given = dict(pair.split("=", 1) for pair in options.set)
    if suite.tools is not None:
        return tools.run(suite, options.out, given, options.runs or suite.runs)
    cpus = suite.cpus if options.cpus is None else options.cpus
    if not 1 <= cpus <= 255:
        raise BenchError(f"--cpus must be 1 to 255, not {cpus}", code=2)
    if options.only:
        suite = replace(suite, select=tuple(options.only.split(",")))
    selected = [benchmark.name for benchmark in suite.selected(catalogue)]
    modes = suite.modes if options.accel is None else (launcher.settle(options.accel),)
    print("building the bench kernel, its boot image and the trace tool", file=sys.stderr, flush=True)
    trace = suite.trace and not options.no_trace
    for compiled_in in sorted({trace and variant.trace for variant in suite.variants}):
        launcher.prepare(trace=compiled_in)
    package = launcher.prepare_baseline() if options.baseline else ""
    earlier = _earlier_seconds(options.out)
    store = _make_room(options.out, options.fresh)
    settled = Options(
        out=options.out,
        modes=modes,
        cpus=cpus,
        cpu_model=options.cpu,
        cpus_given=options.cpus is not None,
        runs=options.runs or suite.runs,
        trace=trace,
        commit=commit_of(ROOT),
        guest={**suite.guest, **given},
        baseline=package,
    )
    environment = describe_host()
    plan = Plan(settled, suite, catalogue)
    progress = Progress(plan.steps(earlier.get), sys.stderr, time.monotonic)
    results, details = Runner(settled, suite, plan, launcher, progress, store).run()
    details |= {
        "directory": shown(options.out),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "environment": environment,
        "invocation": shlex.join(["./weft", "bench", *arguments]),
    }
    try:
        _evaluate(details, launcher, options.out)
    except BenchError:
        store.forget()  # measured anew the next time, not found wanting again
        raise
    if suite.stream:
        _count_streams(details, launcher, options.out)
    if suite.cost:
        cost.collect(details, launcher, options.out, selected)
        _write_text(options.out / "cost.md", cost.document(details))
    _write(options.out, results, details, catalogue)
    _print(options.out, results, details, catalogue)
    return 0


def _earlier_seconds(out: Path) -> dict[str, float]:
    """How long each mode took in the run whose files lie there; empty where there is none."""
    try:
        return {run["accel"]: max(run["seconds"]) for run in read_json(out / "details.json")["runs"]}
    except (Failure, KeyError, TypeError, ValueError):
        return {}


def _make_room(out: Path, fresh: bool) -> Store:
    """Removes what an earlier run left, but for the boots of one that did not come to its end."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        store = Store.open(out / STORE_NAME, fresh or (out / "results.json").exists())
        for path in out.iterdir():
            if OURS.fullmatch(path.name) and path.is_file() and path.name not in store.files:
                path.unlink()
    except OSError as error:
        raise BenchError(f"cannot write to {out}: {error.strerror}") from error
    if len(store):
        print(f"going on with a run that was interrupted ({len(store)} boots are there; --fresh begins anew)",
              file=sys.stderr, flush=True)  # fmt: skip
    return store


def _evaluate(details: dict[str, Any], launcher: Launcher, out: Path) -> None:
    """A Perfetto trace beside each capture, what the capture says about the stages of calls, and whether
    that agrees with what the guest measured."""
    for run in details["runs"]:
        if run["capture"]:
            capture = out / run["capture"]
            launcher.convert(capture, capture.with_suffix(".pftrace"))
            latency = launcher.latency(capture)
            run["stages"] = collect(latency, run["figures"], run["others"])
            run["agreement"] = agreement.compare(launcher, capture, latency, run)


def _count_streams(details: dict[str, Any], launcher: Launcher, out: Path) -> None:
    """How many events were streamed, and how many were lost on the way."""
    for run in details["runs"]:
        if run["capture"]:
            stat = launcher.stat(out / run["capture"])
            run["stream"] = {
                "events": sum(cpu["events"] for cpu in stat["cpus"]),
                "lost": sum(cpu["lost"] for cpu in stat["cpus"]),
                "megabytes": round((out / run["capture"]).stat().st_size / 1e6),
            }


def _write(out: Path, results: dict[str, Any], details: dict[str, Any], catalogue: Catalogue) -> None:
    check_results(results)
    write_json(out / "results.json", results)
    write_json(out / "details.json", details)
    _write_text(out / "report.html", render(results, details, catalogue))


def _write_text(path: Path, content: str) -> None:
    try:
        path.write_text(content, encoding="utf-8")
    except OSError as error:
        raise BenchError(f"{path}: {error.strerror}") from error


def shown(path: Path) -> str:
    """A path as one would type it: relative to the tree if it is in it."""
    absolute = path.resolve()
    return str(absolute.relative_to(ROOT)) if absolute.is_relative_to(ROOT) else str(path)


def _print(out: Path, results: dict[str, Any], details: dict[str, Any], catalogue: Catalogue) -> None:
    for run in results["runs"] if not any("cost" in run for run in details["runs"]) else []:
        notes = [WITH_TRACE if details["trace"] else WITHOUT_TRACE]
        print(f"\n{table.render_run(run, catalogue, notes)}")
    if results.get("ratios"):
        print(f"\n{table.render_ratios(results['ratios'], details['baseline'])}")
    elif any(run["accel"] == "icount" and "cost" not in run for run in details["runs"]):
        print(
            "\n  seL4 and Linux: measured by the Weft project in the same QEMU mode, see bench/reference/peers.toml"
        )
    for run in details["runs"]:
        if "agreement" in run:
            print(f"\n{agreement.table_of(run['accel'], run['agreement'])}")
    print(f"\nreport    {shown(out / 'report.html')}")
    print(f"results   {shown(out / 'results.json')}")
    for run in details["runs"]:
        if run["capture"]:
            capture = out / run["capture"]
            timeline = shown(capture.with_suffix(".pftrace"))
            print(f"timeline  {timeline}  ({run['accel']}; ./weft view {timeline})")
        if "cost" in run:
            print(f"\n{cost.table_of(run)}")
        if "stream" in run:
            stream = run["stream"]
            print(
                f"streamed  {stream['events']:,} events in a boot of {run['seconds'][-1]:g} s,"
                f" {stream['lost']:,} lost, {stream['megabytes']:,} MB"
            )
