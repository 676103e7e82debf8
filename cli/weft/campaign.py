# SPDX-License-Identifier: Apache-2.0
"""What commands that boot many machines have in common: `weft explore`, `fuzz`, `faults` and `powercut`.

    seeds_of(arguments, 1000)           the range that --seed, --seeds and --first-seed ask for
    build_all(programs)                 what their machines boot
    Binaries(folder, programs)          kernel and images as they are now, whoever builds meanwhile
    complaint(outcome, console)         why a run failed
    keep_evidence(machine, ...)         all that one needs to look at a failure
    conduct(runs, report)               runs all of it, and tells what came of it

A failing run leaves in its folder: console.log, trace.weft, trace.pftrace, kernel.elf, image.cpio, and
command.txt with the commands that do it again.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol, TypeVar

from weft import build
from weft.failure import Failure
from weft.harness import ktap
from weft.machine import Machine, MachineConfig
from weft.machine_config import UsageError
from weft.outcome import Outcome
from weft.run import Keeper, whole_number
from weft.variants import DESIGN
from weft.workers import Workers

SEED_END = 1 << 64
TELLING_MAX = 6
Item = TypeVar("Item")
Result = TypeVar("Result")
Told = TypeVar("Told", contravariant=True)
_TELLING = re.compile(r"weft: PANIC:|not ok |# [\w.]+:\d+: ")


# ---- what was asked for ----------------------------------------------------------------------


def prepare(out: Path) -> Path:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Failure(f"cannot write to {out}: {error.strerror}", code=2) from error
    return out


def seeds_of(arguments: argparse.Namespace, usual: int) -> range:
    if arguments.seed is not None:
        if arguments.seeds is not None or arguments.first_seed is not None:
            raise UsageError("--seed is one seed; it goes with neither --seeds nor --first-seed")
        first, count = whole_number("seed", arguments.seed), 1
    else:
        first = whole_number("first-seed", arguments.first_seed or "1")
        count = positive("seeds", arguments.seeds or str(usual))
    if first < 0 or first + count > SEED_END:
        raise UsageError("seeds are 0 to 2^64-1")
    return range(first, first + count)


def positive(what: str, text: str) -> int:
    value = whole_number(what, text)
    if value < 1:
        raise UsageError(f"{what} must be at least 1, not {value}")
    return value


def build_all(programs: Iterable[str]) -> None:
    """The test kernel, the trace tool and the programs' images. An image may lack code that set-up could not fetch."""
    for program in programs:
        try:
            build.build([build.kernel("test"), build.host_tool(), build.image(program)])
        except build.UnknownTarget as error:
            raise Failure(f"no image {program}: the source of a library that it needs is missing (./weft setup"
                          " fetches it)") from error


class Binaries:
    """Copies of the test kernel of a design and of images, so that all runs are of the same."""

    def __init__(self, folder: Path, programs: Iterable[str], design: str = DESIGN) -> None:
        # The folder's name is the kernel's profile: captures say so.
        self._folder = folder
        self._kernel = folder / build.variant("test", design=design) / "kernel.elf"
        self._kernel.parent.mkdir()
        shutil.copyfile(build.kernel("test", design=design), self._kernel)
        for program in programs:
            shutil.copyfile(build.image(program), folder / f"{program}.cpio")

    def config(self, config: MachineConfig, program: str) -> MachineConfig:
        """The description with this kernel and this program's image."""
        return replace(config, kernel=self._kernel, image=self._folder / f"{program}.cpio")


# ---- what came of it -------------------------------------------------------------------------


class Report(Protocol[Told]):
    def add(self, result: Told) -> None: ...

    def end(self) -> int:
        """Tells what came of all; returns the exit code."""
        ...


def conduct(runs: Workers[Item, Result], report: Report[Result]) -> int:
    """Hands each result to the report and ends it, also when Ctrl-C comes; returns the exit code."""
    try:
        with runs:
            for result in runs:
                report.add(result)
    except KeyboardInterrupt:
        report.end()
        sys.stdout.flush()
        raise
    return report.end()


def complaint(outcome: Outcome, console: Sequence[str]) -> str:
    """Why a run failed; empty if it did not."""
    if not outcome.ok:
        return f"{outcome.kind}: {outcome.reason}"
    if ktap.VERSION in console:
        report = ktap.parse(console)
        if not report.ok:
            return report.problems[0] if report.problems else "a test failed"
    return ""


def telling(console: Sequence[str]) -> list[str]:
    """The few lines of a console that say what went wrong, each once; else the last ones."""
    found = dict.fromkeys(line for line in console if _TELLING.match(line))
    return list(found)[:TELLING_MAX] or list(console[-3:])


def keep_evidence(machine: Machine, config: MachineConfig, again: str, out: Path) -> None:
    """Fills the folder `out`; `again` is the command that repeats the run."""
    assert config.image is not None
    try:
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        (out / "console.log").write_text("".join(f"{line}\n" for line in machine.console))
        kernel = Path(shutil.copyfile(config.kernel, out / "kernel.elf"))
        image = Path(shutil.copyfile(config.image, out / "image.cpio"))
        by_hand = replace(config, kernel=kernel, image=image).standalone_command()
        (out / "command.txt").write_text(
            f"{again}\n\n# The same binaries again, whatever the tree has become:\n{by_hand}\n"
        )
    except OSError as error:
        raise Failure(f"cannot write to {out}: {error.strerror}") from error
    Keeper(machine, out).finish()


def duration(seconds: float) -> str:
    """Two digits of time for people: 42 s, 7 min, 3.5 h."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
