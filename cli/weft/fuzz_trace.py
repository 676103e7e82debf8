# SPDX-License-Identifier: Apache-2.0
"""Broken captures by the million for the trace tools: what `weft fuzz-trace` does.

    request = check(arguments)      refuse what cannot work before anything is installed or built
    fuzz_trace(request)             build, make the first inputs, run, report

Two programs read what they are given under AddressSanitizer and UndefinedBehaviorSanitizer, and mutate
it by its structure: tests/host/trace_reader_fuzz.c captures (reader, check, convert and all other
commands), tests/host/trace_guest_fuzz.c a guest's memory (capture, stream). A run fails when one of them
reads or writes where it must not, leaks, or does not end in time. The input that did it stays in the
output folder; `--input FILE` shows it again. In the end the corpus is read once more by the same code
with coverage counters (weft.host_coverage), which tells what was reached.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from weft import build
from weft.campaign import duration, positive, prepare
from weft.failure import Failure
from weft.fuzz_runs import Count, Failed, FuzzRuns, Settings, Share
from weft.host_coverage import Coverage, measure
from weft.machine import Machine, MachineConfig
from weft.machine_config import UsageError
from weft.paths import OUT, ROOT
from weft.steps import Progress

TARGETS = ("trace_reader_fuzz", "trace_guest_fuzz")
GUEST_SHARE = 10  # one input of so many is a guest's memory
INPUTS = 1_000_000
SHARE_INPUTS = 250_000  # of one process: then its successor reads what the others have found
BYTES_MAX = 640  # as in tests/trace/fuzz_seeds.py
# Of a share's inputs, in turn: short ones are quicker, and do for most of what can go wrong.
LENGTHS = (BYTES_MAX, 96, 192, 96)
INPUT_SECONDS = 10
FAILURES = 10
SEEDS_TOOL = ROOT / "tests" / "trace" / "fuzz_seeds.py"
BOOTED = ("selftest", "test_ipc")  # real captures among the first inputs
PROGRESS_SECONDS = 30.0
SHOWN_LINES = 25


@dataclass(frozen=True)
class Request:
    """A campaign as it was asked for, or the one input that shall be seen again."""

    inputs: int
    first_seed: int
    jobs: int
    seconds: int
    failures: int
    out: Path
    again: Path | None


def check(arguments: argparse.Namespace) -> Request:
    """The request in the command line. Raises UsageError or Failure for what cannot work."""
    again = Path(arguments.input) if arguments.input else None
    if again is not None and not again.is_file():
        raise UsageError(f"no file {again}")
    return Request(
        inputs=positive("inputs", arguments.inputs or str(INPUTS)),
        first_seed=positive("seed", arguments.seed),
        jobs=positive("jobs", arguments.jobs or str(len(os.sched_getaffinity(0)))),
        seconds=positive("timeout", arguments.timeout),
        failures=positive("failures", arguments.failures),
        out=prepare(Path(arguments.out) if arguments.out else OUT / "fuzz-trace"),
        again=again,
    )


def program(name: str) -> Path:
    return build.BUILD / "host" / "tests" / name


def corpus(request: Request, name: str) -> Path:
    return request.out / "corpus" / name


# ---- before the first run --------------------------------------------------------------------


def capture_boots(folder: Path) -> list[Path]:
    """Captures of real boots."""
    captures = []
    for name in BOOTED:
        config = MachineConfig(kernel=build.kernel("test"), image=build.image(name), accel="tcg", timeout=60)
        with Machine(config) as machine:
            outcome = machine.wait()
            if not outcome.ok:
                raise Failure(f"{name} does not boot ({outcome.reason}): no captures to begin with")
            captures.append(machine.capture(folder / f"{name}.weft", build.host_tool()))
    return captures


def make_seeds(request: Request, temporary: Path) -> None:
    """Puts the first inputs into the corpora, beside what earlier campaigns left there."""
    command = [sys.executable, str(SEEDS_TOOL), str(request.out / "corpus"), *map(str, capture_boots(temporary))]
    environment = {**os.environ, "PYTHONPATH": str(build.BUILD / "gen" / "python")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise Failure(f"{SEEDS_TOOL.name} failed: {(done.stderr.splitlines() or ['?'])[-1]}")


# ---- the report ------------------------------------------------------------------------------


class Report:
    """What a person sees: progress, failures as they come, sums at the end."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.made = dict.fromkeys(TARGETS, 0)
        self.found: dict[str, tuple[int, int]] = {}  # corpus, edges
        self.failed: dict[str, list[Failed]] = {}  # by what it was
        self._started = time.monotonic()
        self._progress = Progress(PROGRESS_SECONDS)

    @property
    def seconds(self) -> float:
        return max(time.monotonic() - self._started, 1e-3)

    @property
    def enough(self) -> bool:
        return sum(map(len, self.failed.values())) >= self.request.failures

    def add(self, event: Count | Failed) -> None:
        if isinstance(event, Count):
            self.made[event.program] += event.inputs
            corpus_before, edges_before = self.found.get(event.program, (0, 0))
            self.found[event.program] = (max(corpus_before, event.corpus), max(edges_before, event.edges))
        else:
            self._show_failure(event)
        self._progress.show(self._state())

    def _state(self) -> str:
        made = sum(self.made.values())
        failed = sum(map(len, self.failed.values()))
        left = duration((self.request.inputs - made) * self.seconds / max(made, 1))
        return f"{made:,} of {self.request.inputs:,} inputs, {made / self.seconds:,.0f}/s, {failed} failed, about {left} left"

    def _show_failure(self, event: Failed) -> None:
        self._progress.clear()
        known = event.what in self.failed
        self.failed.setdefault(event.what, []).append(event)
        print(f"{event.program}: {event.what}" + (" (again)" if known else ""))
        for line in () if known else event.lines[:SHOWN_LINES]:
            print(f"    {line}")
        if event.artifact is not None:
            print(f"    again: {self.again(event.artifact)}")
        sys.stdout.flush()

    @staticmethod
    def again(artifact: Path) -> str:
        return shlex.join(["./weft", "fuzz-trace", "--input", str(artifact)])

    def end(self, coverage: Coverage | None) -> int:
        """Prints the sums; returns the exit code."""
        self._progress.clear()
        for name, (corpus_size, edges) in self.found.items():
            print(f"{name:18} {self.made[name]:12,} inputs, {corpus_size:6,} kept, {edges:5,} edges")
        if coverage is not None:
            print("\n".join(coverage.lines()))
        made = sum(self.made.values())
        print(f"weft: {made:,} inputs in {duration(self.seconds)}: {made / self.seconds:,.0f} a second", end="")
        if not self.failed:
            print("; no crash, no leak, none took too long", flush=True)
            return 0
        print(f"; {sum(map(len, self.failed.values()))} failed in {len(self.failed)} ways:")
        for what, events in self.failed.items():
            artifact = next((event.artifact for event in events if event.artifact), None)
            print(f"    {len(events)} x {what}" + (f"; {self.again(artifact)}" if artifact else ""))
        sys.stdout.flush()
        return 1


# ---- running ---------------------------------------------------------------------------------


def plan(request: Request) -> Iterator[Share]:
    """The inputs in shares; every GUEST_SHAREth share is of a guest's memory."""
    inputs, number = request.inputs, 0
    while inputs > 0:
        size = min(SHARE_INPUTS, inputs, max(1, request.inputs // (2 * GUEST_SHARE)))
        name = TARGETS[number % GUEST_SHARE == 0]
        length = LENGTHS[number // 2 % len(LENGTHS)] if name == TARGETS[0] else BYTES_MAX
        yield Share(program(name), corpus(request, name), size, request.first_seed + number * 1000, length)
        inputs -= size
        number += 1


def repeat(request: Request) -> int:
    """Gives one kept input to the program that it is for; its name says which."""
    assert request.again is not None
    name = next((name for name in TARGETS if request.again.name.startswith(name)), TARGETS[0])
    build.build([program(name)])
    command = [str(program(name)), f"-timeout={request.seconds}", str(request.again)]
    sys.stdout.flush()
    return 1 if subprocess.run(command).returncode else 0


def fuzz_trace(request: Request) -> int:
    """Build and run what was asked for; returns the exit code."""
    if request.again is not None:
        return repeat(request)
    images = [build.image(name) for name in BOOTED]
    build.build([build.kernel("test"), build.host_tool(), *images, *map(program, TARGETS)])
    with tempfile.TemporaryDirectory(prefix="weft-fuzz-trace-", dir=_quick_folder()) as folder:
        make_seeds(request, Path(folder))
        report = Report(request)
        settings = Settings(request.out, request.seconds, Path(folder))
        try:
            with FuzzRuns(plan(request), settings, request.jobs) as runs:
                for event in runs:
                    report.add(event)
                    if report.enough:
                        break
        except KeyboardInterrupt:
            report.end(None)
            raise
    return report.end(measure(TARGETS, {name: corpus(request, name) for name in TARGETS}))


def _quick_folder() -> str | None:
    """In memory if the system has such a place: one command writes files for some inputs."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
