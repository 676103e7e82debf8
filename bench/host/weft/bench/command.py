# SPDX-License-Identifier: Apache-2.0
"""The command line of `weft bench`, and the order of things from arguments to files.

    main(["--cpus", "4", "--out", "out/bench"]) -> exit code

0 when every benchmark was measured and everything written, 1 when something failed, 2 when asked
wrongly. Files of an earlier run in the same directory that would no longer be true are removed
before the first boot, so that what lies there always belongs together.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import shlex
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from weft.bench import compare, gate, outputs, tools
from weft.bench.catalogue import MODES, Catalogue, Suite
from weft.bench.cluster import Cluster, check_address
from weft.bench.documentation import document
from weft.bench.environment import after_run, commit_of, describe_host, linux_mitigations
from weft.bench.errors import BenchError
from weft.bench.launcher import Launcher, QemuLauncher
from weft.bench.evaluate import evaluate
from weft.bench.parts import parts_of, plans_of
from weft.bench.plan import BOOTS
from weft.bench.progress import Progress, Step
from weft.bench.results import read_json
from weft.bench.runner import Engine, Here, Runner
from weft.bench.store import NAME as STORE_NAME
from weft.bench.store import Store
from weft.bench.summary import show, shown
from weft.failure import Failure
from weft.paths import BUILD, OUT, ROOT

BENCH_ROOT = ROOT / "bench"
FAILURES_SHOWN = 10
OURS = re.compile(
    r"(results\.(json|csv)|details\.json|report\.(html|md)|cost\.md|trace(-[\w-]+)?\.(weft|pftrace)(\.\d+\.part)?|"
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
        reference = compare.Run.load(options.reference) if options.reference else None
        if options.report_only:
            return _report_only(options.out, catalogue, reference)
        return _bench(options, arguments, catalogue, launcher or QemuLauncher(), reference)
    except BenchError as error:
        for line in error.details:
            print(f"    {line}", file=sys.stderr)
        print(f"weft bench: {error}", file=sys.stderr)
        return error.code
    except Failure as failure:
        print(f"weft bench: {failure}", file=sys.stderr)
        return failure.code
    except OSError as error:  # no room on the disk, a folder that went away: what had ended is in the store
        print(f"weft bench: {error.filename or 'the output'}: {error.strerror}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nweft bench: interrupted", file=sys.stderr)
        return 130


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
    parser.add_argument(
        "--dask", metavar="ADDRESS", help="boots by the workers of a Dask cluster: tcp://host:8786, or local:N for N here"
    )
    parser.add_argument("--fresh", action="store_true", help="forget the boots of a run that was interrupted")
    parser.add_argument("--list", action="store_true", help="list the suites and their benchmarks")
    parser.add_argument(
        "--report-only", action="store_true", help="make report.html, report.md and results.csv again in --out"
    )
    parser.add_argument(
        "--reference", type=Path, metavar="DIR", help="an earlier run that the report shows the differences from"
    )
    parser.add_argument(
        "--docs", type=Path, metavar="FILE", help="write docs/benchmarks.md from the catalogue"
    )
    options = parser.parse_args(arguments)
    if options.runs is not None and options.runs < 1:
        parser.error("--runs must be at least 1")
    if options.dask is not None:
        check_address(options.dask)
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
        if suite.parts:
            print(f"{name}: {suite.title} (made of {', '.join(part.name for part in parts_of(BENCH_ROOT, suite))})")
            continue
        where = "on the host" if suite.tools else f"{', '.join(suite.modes)}; {suite.cpus} CPUs"
        print(f"{name}: {suite.title} ({where})")
        for benchmark in suite.selected(catalogue):
            print(f"    {benchmark.name}")
    return 0


def _report_only(out: Path, catalogue: Catalogue, reference: compare.Run | None) -> int:
    outputs.remake(out, catalogue, reference)
    print(f"report: {out / 'report.html'}")
    return 0


def _bench(
    options: argparse.Namespace,
    arguments: list[str],
    catalogue: Catalogue,
    launcher: Launcher,
    reference: compare.Run | None,
) -> int:
    suite = Suite.load(BENCH_ROOT, options.suite)
    if suite.tools is not None:
        given = dict(pair.split("=", 1) for pair in options.set)
        return tools.run(suite, options.out, given, options.runs or suite.runs)
    plans = plans_of(BENCH_ROOT, suite, options, catalogue, launcher, commit_of(ROOT))
    environment = describe_host(BUILD / "kvm-probe.json")
    several = bool(suite.parts or suite.grid)
    with _engine(options.dask, launcher) as engine:
        store = _make_room(options.out, options.fresh)
        runner = Runner(plans, launcher, store, engine, _progress, goes_on=several)
        runner.run()
    results, details = evaluate(runner, suite, launcher, options.out, catalogue)
    environment |= after_run() | engine.environment
    if "baseline" in details:
        environment |= linux_mitigations(list(details["baseline"]["command_lines"].values()))
    details |= {
        "directory": shown(options.out),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "environment": environment,
        "invocation": shlex.join(["./weft", "bench", *arguments]),
    }
    outputs.write(options.out, results, details, catalogue, reference)
    show(options.out, results, details, catalogue)
    return _verdict(runner.failures)


def _engine(address: str | None, launcher: Launcher) -> contextlib.AbstractContextManager[Engine]:
    """Who makes the boots."""
    if address is None:
        return contextlib.nullcontext(Here(launcher))
    return Cluster.connect(address, launcher, commit_of(ROOT))


def _progress(steps: Sequence[Step], workers: int) -> Progress:
    return Progress(steps, sys.stderr, time.monotonic, workers)


def _verdict(failures: list[dict[str, str]]) -> int:
    """The last words about what went wrong, where the run went on."""
    if not failures:
        return 0
    for failure in failures[:FAILURES_SHOWN]:
        print(f"    {failure['reason']}", file=sys.stderr)
    many = f"{len(failures)} configurations" if len(failures) > 1 else "one configuration"
    raise BenchError(f"{many} failed, the others are kept; started again, the run makes these anew")


def _make_room(out: Path, fresh: bool) -> Store:
    """Removes what an earlier run left, but for the boots of one that did not come to its end."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        store = Store.open(out / STORE_NAME, fresh or _is_finished(out))
        for path in [*out.iterdir(), *(out / BOOTS).glob("*")]:
            if OURS.fullmatch(path.name) and path.is_file() and path.name not in store.files:
                path.unlink()
    except OSError as error:
        raise BenchError(f"cannot write to {out}: {error.strerror}") from error
    if len(store):
        print(f"going on with a run that was interrupted ({len(store)} boots are there; --fresh begins anew)",
              file=sys.stderr, flush=True)  # fmt: skip
    return store


def _is_finished(out: Path) -> bool:
    """Did the run whose files lie there come to its end, with nothing left to make anew?"""
    if not (out / "results.json").exists():
        return False
    try:
        return not read_json(out / "details.json").get("failures")
    except (BenchError, AttributeError):
        return True


def _write_text(path: Path, content: str) -> None:
    try:
        path.write_text(content, encoding="utf-8")
    except OSError as error:
        raise BenchError(f"{path}: {error.strerror}") from error
