# SPDX-License-Identifier: Apache-2.0
"""Random system calls by the million: what `weft fuzz` does.

    request = check(arguments)      refuse what cannot work before anything is installed or built
    fuzz(request)                   build, run every seed with every number of CPUs, report

Each run boots the guest program tests/guest/fuzz.c, whose processes make random calls (from the
table that kernel/abi/generate.py writes) until the wanted number is reached. A run fails when the
guest says so (memory that did not come back, a status that the ABI does not announce, a CPU that
does not answer), when the kernel panics or nothing ends in time, and when the capture breaks a rule
of `weft trace check`. A failing run leaves its evidence as `weft explore` does.

In tcg mode the seed chooses the calls and the host their interleaving; in icount mode the seed
chooses both, and the same run can be had again.
"""

from __future__ import annotations

import argparse
import os
import shlex
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from weft import build
from weft.campaign import Binaries, complaint, conduct, duration, keep_evidence, positive, prepare, seeds_of, telling
from weft.explore_runs import Result, Run, Runs
from weft.machine import Machine, MachineConfig
from weft.machine_config import UsageError
from weft.outcome import Outcome
from weft.paths import OUT
from weft.run import seconds_of
from weft.steps import Progress
from weft.trace_check import check_trace
from weft.variants import DESIGN

PROGRAM = "test_fuzz"
SEEDS = 10
PROGRESS_SECONDS = 30.0


@dataclass(frozen=True)
class Request:
    """A campaign as it was asked for. `config` lacks kernel, image, seed and CPUs."""

    seeds: range
    cpus: tuple[int, ...]
    calls: int
    config: MachineConfig
    jobs: int
    out: Path
    append: str
    design: str = DESIGN

    def command(self, cpus: int, seed: int) -> str:
        """What a person types to see this run again."""
        words = ["./weft", "fuzz", "--seed", str(seed), "--cpus", str(cpus), "--calls", str(self.calls)]
        if self.config.accel != "tcg":
            words += ["--accel", self.config.accel]
        if self.append:
            words += ["--append", self.append]
        if self.design != DESIGN:
            words += ["--design", self.design]
        return shlex.join(words)


def check(arguments: argparse.Namespace) -> Request:
    """The request in the command line. Raises UsageError or Failure for what cannot work."""
    build.variant("test", design=arguments.design)
    if arguments.accel not in ("tcg", "icount"):
        raise UsageError(f"accel must be tcg or icount, not {arguments.accel!r}")
    calls = positive("calls", arguments.calls)
    config = MachineConfig(
        kernel=Path(__file__),  # any file that exists: the kernel is not built yet
        accel=arguments.accel,
        command_line=f"{arguments.append} calls={calls}".strip(),
        timeout=seconds_of(arguments.timeout),
    )
    cpus = tuple(dict.fromkeys(positive("cpus", text) for text in arguments.cpus.split(",")))
    for count in cpus:
        replace(config, cpus=count).validate()
    return Request(
        seeds=seeds_of(arguments, SEEDS),
        cpus=cpus,
        calls=calls,
        config=config,
        jobs=positive("jobs", arguments.jobs or str(len(os.sched_getaffinity(0)))),
        out=prepare(Path(arguments.out) if arguments.out else OUT / "fuzz"),
        append=arguments.append,
        design=arguments.design,
    )


class Campaign:
    """The runs; `folder` keeps the binaries and captures meanwhile."""

    def __init__(self, request: Request, folder: Path) -> None:
        self.request = request
        self._folder = folder
        self._binaries = Binaries(folder, [PROGRAM], request.design)

    def plan(self) -> Iterator[Run]:
        for seed in self.request.seeds:
            for cpus in self.request.cpus:
                config = replace(self.request.config, cpus=cpus, seed=seed)
                yield Run(cpus, seed, self._binaries.config(config, PROGRAM))

    def judge(self, run: Run, machine: Machine, outcome: Outcome) -> str:
        """Why the run failed, and its evidence kept; empty if it did not."""
        capture = self._folder / f"{run.subject}-{run.seed}.weft"
        wrong = complaint(outcome, machine.console) or check_trace(machine, build.host_tool(), capture)
        if wrong:
            again = self.request.command(run.subject, run.seed)
            keep_evidence(machine, run.config, again, folder_of(self.request, run))
        return wrong


def folder_of(request: Request, run: Run) -> Path:
    return request.out / f"{run.subject}cpus-seed{run.seed}"


@dataclass
class Row:
    """What became of all calls of one name."""

    made: int
    ended: Counter[str]


class Report:
    """What a person sees: progress, failures as they come, the matrix of calls and outcomes."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.rows: dict[str, Row] = {}
        self.ran = 0
        self.failed: list[Result] = []
        self.lives = 0
        self.machine_seconds = 0.0
        self._started = time.monotonic()
        self._progress = Progress(PROGRESS_SECONDS)

    @property
    def calls(self) -> int:
        return sum(row.made for row in self.rows.values())

    def add(self, result: Result) -> None:
        self.ran += 1
        self.machine_seconds += result.seconds
        for record in result.records:
            self._count(record)
        if result.wrong:
            self.failed.append(result)
            self._show_failure(result)
        total = len(self.request.seeds) * len(self.request.cpus)
        self._progress.show(f"{self.ran} of {total} runs, {self.calls:,} calls, {len(self.failed)} failed")

    def _count(self, record: dict) -> None:
        if record["record"] == "fuzz":
            row = self.rows.setdefault(record["call"], Row(0, Counter()))
            row.made += record["made"]
            row.ended.update(record["ended"])
        elif record["record"] == "fuzz_sum":
            self.lives += record["lives"]

    def _show_failure(self, result: Result) -> None:
        self._progress.clear()
        run = result.run
        print(f"seed {run.seed} with {run.subject} CPUs: {result.wrong}")
        for line in telling(result.console):
            print(f"    {line}")
        print(f"    kept in {folder_of(self.request, run)}")
        print(f"    again: {self.request.command(run.subject, run.seed)}", flush=True)

    def end(self) -> int:
        """Prints the matrix; returns the exit code."""
        self._progress.clear()
        print("\n".join(self.matrix()))
        seconds = max(time.monotonic() - self._started, 1e-3)
        print(
            f"weft: {self.calls:,} system calls in {self.ran} runs, {self.lives:,} processes,"
            f" {duration(seconds)}: {self.calls / seconds:,.0f} calls per second"
        )
        if not self.failed:
            print("weft: no failure", flush=True)
            return 0
        run = self.failed[0].run
        again = self.request.command(run.subject, run.seed)
        print(f"weft: {len(self.failed)} failed; the first again: {again}", flush=True)
        return 1

    def matrix(self) -> list[str]:
        """One line per call: how often it was made, and how often it ended in which way. Calls whose
        thread was ended meanwhile are `cut`."""
        width = max((len(name) for name in self.rows), default=4)
        lines = [f"{'call':{width}} {'made':>9} {'cut':>7}  ended"]
        for name, row in self.rows.items():
            cut = row.made - sum(row.ended.values())
            ended = ", ".join(f"{status} {times}" for status, times in row.ended.most_common())
            lines.append(f"{name:{width}} {row.made:9} {cut:7}  {ended}")
        return lines


def fuzz(request: Request) -> int:
    """Build and run what was asked for; returns the exit code."""
    build.build([build.kernel("test", design=request.design), build.host_tool(), build.image(PROGRAM)])
    report = Report(request)
    with tempfile.TemporaryDirectory(prefix="weft-fuzz-") as folder:
        campaign = Campaign(request, Path(folder))
        return conduct(Runs(campaign.plan(), campaign.judge, request.jobs), report)
