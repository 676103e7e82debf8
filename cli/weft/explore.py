# SPDX-License-Identifier: Apache-2.0
"""Run guest tests under many interleavings of their CPUs: what `weft explore` does.

    request = check(arguments)      refuse what cannot work before anything is installed or built
    explore(request)                build, run every subject with every seed, report; the exit code

A subject is a program, or one test of it (`test_sched::threads_move`). Each run boots it in icount
mode, where the binary and the kernel's option `seed=` alone decide how the CPUs interleave (see
smp/sched_point.h), so a seed that fails fails again. A run fails when the guest does not end with
status 0, reports a failed test or not all tests, panics, leaves a trace that breaks a rule of `weft
trace check`, or does not end in time: virtual time may stand still in a hang, so the limit counts the
host's seconds and is generous.

Programs say how much they did in records `{"record": "count", "kills": 30, ...}`; the report adds
them up.

Kernel and images are copied once, at the start: all runs are of the same binaries, whoever builds
meanwhile. A failing run leaves everything in out/explore/<subject>-seed<N>/: console.log, trace.weft,
trace.pftrace, kernel.elf, image.cpio, and command.txt with the commands that do it again.

Seeds come in order and subjects take turns, so what has run when somebody interrupts is a sample of
all. The exit code is 0 without failures, 1 with, 2 when asked wrongly.
"""

from __future__ import annotations

import argparse
import os
import shlex
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from weft import build
from weft.campaign import Binaries, complaint, conduct, duration, keep_evidence, positive, prepare, seeds_of, telling
from weft.explore_runs import Result, Run, Runs
from weft.harness.program import GUEST_TEST_ROOMS, program_name, read_program
from weft.machine import Machine, MachineConfig
from weft.machine_config import UsageError
from weft.outcome import Outcome
from weft.paths import OUT, ROOT
from weft.run import seconds_of, whole_number
from weft.steps import Progress
from weft.trace_check import check_trace
from weft.variants import DESIGN

PLANTED_ROOM = ROOT / "tests" / "explore"  # programs with a race on purpose: tests of this tool
SEEDS = 1000
CPUS = 4
FAILURES = 5  # of one subject, then it has shown enough
PROGRESS_SECONDS = 30.0  # between lines where they cannot overwrite each other

# What passes between CPUs: mail, messages, death, migration, unmapping, revocation. Each is a program of
# one or two seconds a seed.
DEFAULT = (
    "test_mailbox",
    "test_ipc",
    "test_kills",
    "test_migration",
    "test_shootdown",
    "test_revocation",
    "test_ipc_death",
    "test_notification",
    "test_races",
    "test_thread_races",
)


@dataclass(frozen=True)
class Subject:
    """What is run again and again."""

    program: str
    test: str = ""

    @property
    def name(self) -> str:
        return f"{self.program}::{self.test}" if self.test else self.program

    def folder(self, seed: int) -> str:
        return f"{self.name.replace('::', '.')}-seed{seed}"


@dataclass(frozen=True)
class Request:
    """An exploration as it was asked for. `config` lacks kernel, image and seed."""

    subjects: tuple[Subject, ...]
    seeds: range
    config: MachineConfig
    jobs: int
    failures: int
    out: Path
    design: str = DESIGN

    def command(self, subject: Subject, seed: int) -> str:
        """What a person types to see this run again."""
        words = ["./weft", "explore", subject.name, "--seed", str(seed)]
        if self.config.cpus != CPUS:
            words += ["--cpus", str(self.config.cpus)]
        if self.config.command_line:
            words += ["--append", self.config.command_line]
        if self.design != DESIGN:
            words += ["--design", self.design]
        return shlex.join(words)


def check(arguments: argparse.Namespace) -> Request:
    """The request in the command line. Raises UsageError or Failure for what cannot work."""
    build.variant("test", design=arguments.design)
    config = MachineConfig(
        kernel=Path(__file__),  # any file that exists: the kernel is not built yet
        cpus=whole_number("cpus", arguments.cpus),
        accel="icount",
        command_line=arguments.append,
        timeout=seconds_of(arguments.timeout),
    )
    config.validate()
    return Request(
        subjects=_subjects(arguments.programs),
        seeds=seeds_of(arguments, SEEDS),
        config=config,
        jobs=positive("jobs", arguments.jobs or str(len(os.sched_getaffinity(0)))),
        failures=whole_number("failures", arguments.failures),
        out=prepare(Path(arguments.out) if arguments.out else OUT / "explore"),
        design=arguments.design,
    )


def known_programs() -> dict[str, tuple[str, ...]]:
    """Every program that can be explored, with the names of its tests."""
    found = {}
    for room in GUEST_TEST_ROOMS:
        for source in sorted((ROOT / "tests" / room).glob("*.c")):
            if (program := read_program(source)) is not None:
                found[program_name(source)] = program.tests
    for source in sorted(PLANTED_ROOM.glob("*.c")):
        found[source.stem] = ()
    return found


def _subjects(names: Sequence[str]) -> tuple[Subject, ...]:
    known = known_programs()
    subjects = []
    for name in dict.fromkeys(names or DEFAULT):
        program, _, test = name.partition("::")
        if program not in known:
            raise UsageError(f"no program {program!r} to explore (have: {', '.join(known)})")
        if test and test not in known[program]:
            have = ", ".join(known[program]) or "none"
            raise UsageError(f"{program} has no test {test!r} (have: {have})")
        subjects.append(Subject(program, test))
    return tuple(subjects)


def show_list() -> int:
    """One name per line: the usual subjects first, then all programs."""
    for name in dict.fromkeys([*DEFAULT, *known_programs()]):
        print(name)
    return 0


class Exploration:
    """Runs that share binaries; `folder` is where these are kept meanwhile."""

    def __init__(self, request: Request, folder: Path) -> None:
        self.request = request
        self._folder = folder
        self._binaries = Binaries(folder, [subject.program for subject in request.subjects], request.design)

    def config(self, subject: Subject, seed: int) -> MachineConfig:
        line = self.request.config.command_line
        if subject.test:
            line = f"{line} only={subject.test}".strip()
        config = replace(self.request.config, seed=seed, command_line=line)
        return self._binaries.config(config, subject.program)

    def plan(self, failed: dict[Subject, int]) -> Iterator[Run]:
        """All runs in order; a subject leaves when `failed` counts enough failures of it."""
        enough = self.request.failures
        for seed in self.request.seeds:
            for subject in self.request.subjects:
                if not enough or failed[subject] < enough:
                    yield Run(subject, seed, self.config(subject, seed))

    def judge(self, run: Run, machine: Machine, outcome: Outcome) -> str:
        """Why the run failed, and its evidence kept; empty if it did not."""
        capture = self._folder / f"{run.subject.folder(run.seed)}.weft"
        wrong = complaint(outcome, machine.console) or check_trace(machine, build.host_tool(), capture)
        if wrong:
            again = self.request.command(run.subject, run.seed)
            keep_evidence(machine, run.config, again, self.request.out / run.subject.folder(run.seed))
        return wrong


class Report:
    """What a person sees: progress, failures as they come, a table at the end."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.ran = dict.fromkeys(request.subjects, 0)
        self.failed = dict.fromkeys(request.subjects, 0)
        self.seconds = dict.fromkeys(request.subjects, 0.0)
        self.counted: Counter[str] = Counter()
        self.first: Result | None = None
        self._started = time.monotonic()
        self._progress = Progress(PROGRESS_SECONDS)

    def add(self, result: Result) -> None:
        subject = result.run.subject
        self.ran[subject] += 1
        self.seconds[subject] += result.seconds
        for record in result.records:
            if record.get("record") == "count":
                self.counted.update({what: times for what, times in record.items() if what != "record"})
        if result.wrong:
            self.failed[subject] += 1
            if self.first is None or result.run.seed < self.first.run.seed:
                self.first = result
            self._show_failure(result)
        self._progress.show(self._state())

    def _show_failure(self, result: Result) -> None:
        self._progress.clear()
        subject, seed = result.run.subject, result.run.seed
        print(f"{subject.name} seed {seed}: {result.wrong}")
        for line in telling(result.console):
            print(f"    {line}")
        print(f"    kept in {self.request.out / subject.folder(seed)}")
        print(f"    again: {self.request.command(subject, seed)}", flush=True)

    def _state(self) -> str:
        done, failed = sum(self.ran.values()), sum(self.failed.values())
        total = sum(self._expected(subject) for subject in self.ran)
        left = f", about {duration(self._seconds_left())} left" if done < total else ""
        return f"{done} of {total} runs, {failed} failed{left}"

    def _expected(self, subject: Subject) -> int:
        enough = self.request.failures
        left = bool(enough) and self.failed[subject] >= enough
        return self.ran[subject] if left else len(self.request.seeds)

    def _seconds_left(self) -> float:
        """From what each subject took so far; one that has not run yet counts as the average."""
        done = sum(self.ran.values())
        average = sum(self.seconds.values()) / max(1, done)
        work = 0.0
        for subject, ran in self.ran.items():
            each = self.seconds[subject] / ran if ran else average
            work += each * (self._expected(subject) - ran)
        return work / self.request.jobs

    def end(self) -> int:
        """Prints the table; returns the exit code."""
        self._progress.clear()
        width = max(len(subject.name) for subject in self.ran)
        print(f"{'program':{width}} {'seeds':>7} {'failures':>9} {'s each':>7}")
        for subject, ran in self.ran.items():
            each = self.seconds[subject] / ran if ran else 0.0
            print(f"{subject.name:{width}} {ran:7} {self.failed[subject]:9} {each:7.2f}")
        if self.counted:
            print("weft: " + ", ".join(f"{times:,} {what}" for what, times in self.counted.items()))
        took = duration(time.monotonic() - self._started)
        cpus = "1 CPU" if self.request.config.cpus == 1 else f"{self.request.config.cpus} CPUs"
        print(f"weft: {sum(self.ran.values())} runs with {cpus} in {took}", end="")
        if self.first is None:
            print(": no failure", flush=True)
            return 0
        again = self.request.command(self.first.run.subject, self.first.run.seed)
        print(f": {sum(self.failed.values())} failed; the first again: {again}", flush=True)
        return 1


def explore(request: Request) -> int:
    """Build and run what was asked for; returns the exit code."""
    images = {subject.program: build.image(subject.program) for subject in request.subjects}
    build.build([build.kernel("test", design=request.design), build.host_tool(), *images.values()])
    report = Report(request)
    with tempfile.TemporaryDirectory(prefix="weft-explore-") as folder:
        exploration = Exploration(request, Path(folder))
        return conduct(Runs(exploration.plan(report.failed), exploration.judge, request.jobs), report)
