# SPDX-License-Identifier: Apache-2.0
"""Makes the boots of one or several plans, judges what they said, and keeps what went well.

    runner = Runner(plans, launcher, store, engine)
    runner.run()                          # boots
    runner.boots(plan)                    # what each point said, for Gather
    runner.failures                       # what went wrong, where the run went on

Order: a plan's repetitions are interleaved (icount, tcg, icount, tcg, ...; with a baseline Weft and Linux by
turns), so that a change of the host's load meets all alike; plan by plan. The capture is taken in the last
repetition. Each boot leaves its console and its QEMU command in the output directory, whether it
went well or not, before anything about it is judged. One that went well is kept in the store: a run that
was interrupted, or failed later, takes it from there (store.py).

A boot is a failure when the guest does not end with status 0, says something unreadable, or does
not deliver every benchmark that it was asked for. The first one ends the run of a plain suite; a suite of
parts or a grid goes on with the other boots and fails at its end.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from weft import interrupt
from weft.bench.errors import BenchError
from weft.bench.gather import Boot, Boots
from weft.bench.launcher import BootOutcome, BootPlan, Launcher
from weft.bench.plan import Job, Plan
from weft.bench.progress import Progress
from weft.bench.records import RecordCollector
from weft.bench.store import Store, key_of

CONSOLE_TAIL = 15


@dataclass(frozen=True)
class Task:
    """A boot for an engine: the number of its step, and the name under which its outcome is kept."""

    number: int
    key: str
    boot: BootPlan
    paired: bool = False  # with a boot of another system, to be compared with it


@dataclass(frozen=True)
class Done:
    """What came of a task: an outcome and the host's load before it, or why there is none."""

    task: Task
    outcome: BootOutcome | None
    load: float = 0.0
    reason: str = ""


class Engine(Protocol):
    """Who makes the boots: this process (`Here`), or others (weft.bench.cluster)."""

    workers: int
    environment: dict[str, str]  # what the report shall say of them

    def run(self, tasks: Sequence[Task], progress: Progress) -> Iterator[Done]:
        """Each task once, in any order, as they end."""


class Here:
    """One boot after the other, on this machine."""

    def __init__(self, launcher: Launcher) -> None:
        self._launcher = launcher
        self.workers = 1
        self.environment: dict[str, str] = {}

    def run(self, tasks: Sequence[Task], progress: Progress) -> Iterator[Done]:
        for task in tasks:
            interrupt.check()
            load = os.getloadavg()[0]
            progress.begin(task.number, "booting")
            outcome = self._launcher.boot(task.boot, _ticks(progress, task.number))
            progress.end(task.number)
            yield Done(task, outcome, load)


def _ticks(progress: Progress, number: int) -> Callable[[str], None]:
    """For the console: a tick for each benchmark that is reported."""
    collector = RecordCollector()

    def on_line(line: str) -> None:
        data = collector.feed(line)
        if data and data.get("record") == "bench":
            progress.tick(number, str(data.get("name")))

    return on_line


@dataclass
class _Entry:
    """A boot that the run consists of."""

    plan: Plan
    job: Job
    key: str
    boot: Boot | None = None


@dataclass
class Runner:
    """See the module."""

    plans: Sequence[Plan]
    launcher: Launcher
    store: Store
    engine: Engine
    make_progress: Callable[[Sequence[Any], int], Progress]
    goes_on: bool = False  # behind a boot that failed
    failures: list[dict[str, str]] = field(default_factory=list)

    def run(self) -> None:
        """Makes every boot that is not there yet."""
        self._entries = [
            _Entry(plan, job, key_of(job.boot, job.repetition, self.launcher.identity(job.boot)))
            for plan in self.plans
            for job in plan.jobs()
        ]
        steps = [entry.job.step(self.store.seconds.get(entry.job.label)) for entry in self._entries]
        progress = self.make_progress(steps, self.engine.workers)
        for number, entry in enumerate(self._entries):
            self._take_kept(entry)
            if entry.boot:
                progress.end(number)
        tasks = [
            Task(number, entry.key, entry.job.boot, bool(entry.plan.options.baseline))
            for number, entry in enumerate(self._entries)
            if not entry.boot
        ]
        try:
            for done in self.engine.run(tasks, progress):
                self._take(self._entries[done.task.number], done)
        finally:
            progress.finish()

    def boots(self, plan: Plan) -> Boots:
        """The boots of a plan that went well."""
        found: Boots = {}
        for entry in self._entries:
            if entry.plan is plan and entry.boot:
                found.setdefault((entry.job.point, entry.job.system), []).append(entry.boot)
        return found

    def forget(self, plan: Plan) -> None:
        """What the boots of a plan said contradicts itself: the next run makes them anew."""
        self.store.forget(entry.key for entry in self._entries if entry.plan is plan)

    def failed(self, plan: Plan, label: str, error: BenchError) -> None:
        """Goes on with the rest where it may."""
        if not self.goes_on:
            raise error
        self.failures.append({"part": plan.options.part, "label": label, "reason": str(error)})

    def _take_kept(self, entry: _Entry) -> None:
        kept = self.store.find(entry.key)
        if kept:
            boot = self._read(entry.job, *kept)
            try:
                self._judge(entry.job, boot)
            except BenchError:
                self.store.forget([entry.key])
            else:
                entry.boot = boot

    def _take(self, entry: _Entry, done: Done) -> None:
        try:
            if done.outcome is None:
                raise BenchError(f"{entry.job.label}: {done.reason}")
            boot = self._read(entry.job, done.outcome, done.load)
            self._judge(entry.job, boot)
        except BenchError as error:
            self.failed(entry.plan, entry.job.label, error)
        else:
            self.store.add(entry.key, _words(entry.job), done.outcome, done.load, entry.job.boot.capture)
            entry.boot = boot

    def _read(self, job: Job, outcome: BootOutcome, load: float) -> Boot:
        """Takes the console apart and leaves it, and the command, for people."""
        collector = RecordCollector()
        for line in outcome.console:
            collector.feed(line)
        job.folder.mkdir(exist_ok=True)
        console_file = job.folder / f"console-{job.label}.log"
        console_file.write_text("".join(f"{line}\n" for line in outcome.console), encoding="utf-8")
        (job.folder / f"command-{job.label}.txt").write_text(outcome.command + "\n", encoding="utf-8")
        return Boot(outcome, collector, console_file, round(load, 2))

    def _judge(self, job: Job, boot: Boot) -> None:
        log = f"(console: {boot.console_file})"
        tail = boot.outcome.console[-CONSOLE_TAIL:]
        if job.system == "linux" and not boot.outcome.ok and boot.collector.find("system") is None:
            raise BenchError(
                f"{job.name}: Linux did not come up with {job.boot.cpus} CPUs: {boot.outcome.reason} {log}", tail
            )
        if not boot.outcome.ok:
            raise BenchError(f"{job.name}: {boot.outcome.reason} {log}", tail)
        if boot.collector.problems:
            raise BenchError(f"{job.name}: {boot.collector.problems[0]} {log}")
        there = {record.name for record in boot.collector.benchmarks}
        missing = [name for name in job.wanted if name not in there]
        if missing:
            raise BenchError(f"{job.name}: the guest delivered no {', '.join(missing)} {log}", tail)


def _words(job: Job) -> dict[str, Any]:
    """What tells people which boot it is."""
    return {
        "label": job.label,
        "commit": job.boot.metadata.get("commit", ""),
        "system": job.system,
        "mode": job.point.mode,
        "cpus": job.point.cpus,
        "repetition": job.repetition + 1,
        "command_line": job.boot.command_line,
    }
