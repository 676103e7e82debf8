# SPDX-License-Identifier: Apache-2.0
"""Cut the power while files are written, and see that nothing that was synced is lost: what `weft powercut` does.

    powercut(request)               boot, cut, look, report; the exit code

The guest is tests/guest/power_cut.c. It changes files, one change after the other, and writes a claim of what is synced by
then to a sector of its own (weft.powercut_claim). There are two ways to cut:

kill    QEMU is killed with SIGKILL at a random instant. A chain of cuts shares a disk: after each, the host looks
        at the image, and the next guest mounts it, looks too, and goes on writing. One cut in five comes at any time
        from the machine's start on, so it also meets the mounting. The host's page cache survives, so what QEMU had
        written is in the file; what this shows is that the guest may stop anywhere.
lost    one guest writes, and QEMU logs each write and each flush (weft.powercut_log). Each cut is a place of that
        log, of which everything is there up to the last flush, and any part of what came after it. The host
        looks at each, and a guest at each `guest_every`-th.

A run fails when the host's check finds anything, when the guest does, or when a guest ends that should not.
What is left of it is in out/powercut/: the image, the console, and the command that does it again. Instants of kills are
random in the host's time: the same seed gives the same delays, not the same instruction. Cuts of a log
are the same again for the same log, which is kept.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from weft.campaign import Binaries, build_all, complaint, conduct, duration
from weft.failure import Failure
from weft.machine import Machine, MachineError, MachineTimeout
from weft.powercut_claim import check_image, claim_of, claim_offset, read_claim
from weft.powercut_log import WAYS, cuts, read_log
from weft.powercut_request import Request
from weft.steps import Progress
from weft.workers import Workers

PROGRAM = "test_power_cut"
WRITING = "power_cut: writing"
DISK_BYTES = 8224 << 10  # 128 blocks, and some sectors behind them for the claim
CHAIN = 10  # cuts of one disk
EARLY = 0.2  # of the cuts come at any time from the start on
DELAY = 1.0  # seconds of writing, at most
TURNS = 200  # changes that are logged
GUEST_EVERY = 20
FAILURES = 5
PROGRESS_SECONDS = 30.0
_NEVER = r"(?!)"


@dataclass(frozen=True)
class Item:
    """A chain of cuts of one disk; or a part of the cuts of a log."""

    seed: int
    cuts: int


@dataclass(frozen=True)
class Result:
    """One cut: why it is wrong, or empty; and what kind of cut it was."""

    item: Item
    number: int
    kind: str
    wrong: str
    turn: int
    seen_by_guest: bool


# ---- cutting -----------------------------------------------------------------------------------


class Cutter(Workers[Item, Result]):
    """Works off chains, or parts of a log."""

    def __init__(self, plan: Iterator[Item], request: Request, folder: Path, binaries: Binaries) -> None:
        super().__init__(plan, request.jobs)
        self._request, self._folder, self._binaries = request, folder, binaries
        self._machines: set[Machine] = set()

    def _kill(self) -> None:
        for machine in self._machines:
            if machine.pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(machine.pid, signal.SIGKILL)

    def _do(self, item: Item) -> None:
        (self._log if self._request.lost else self._chain)(item)

    def _boot(self, image: Path, words: str, log: Path | None = None) -> Machine | None:
        config = replace(self._request.config, disk=image, disk_log=log, command_line=words)
        machine = Machine(self._binaries.config(config, PROGRAM))
        with self._lock:
            if self._stopping:
                return None
            self._machines.add(machine)
        return machine.start()

    def _end(self, machine: Machine) -> bool:
        """Frees it. Whether everything stops, and how it ended means nothing."""
        machine.close()
        with self._lock:
            self._machines.discard(machine)
            return self._stopping

    def _empty(self, item: Item) -> Path:
        image = self._folder / f"disk-{item.seed}.img"
        with image.open("wb") as file:
            file.truncate(DISK_BYTES)
        return image

    # by killing

    def _chain(self, item: Item) -> None:
        chance = random.Random(item.seed)
        image = self._empty(item)
        for number in range(item.cuts + 1):  # the last boot only looks
            last = number == item.cuts
            early = not last and chance.random() < EARLY
            delay = chance.uniform(0.0, 3.0 if early else DELAY)
            words = f"turns={1 if last else 0} state={item.seed * 1000 + number}"
            machine = self._boot(image, words)
            if machine is None:
                return
            try:
                wrong = self._wait(machine) if last else self._cut(machine, early, delay)
                console = list(machine.console)
            finally:
                stopping = self._end(machine)
            if stopping:
                return
            claim = claim_of(image)
            wrong = wrong or check_image(image, claim)
            if wrong:
                self._keep(item, number, image, console)
            if not last or wrong:
                kind = "early" if early else "writing"
                self._tell(Result(item, number, kind, wrong, claim.turn, seen_by_guest=True))
            if wrong:
                return
        image.unlink()

    def _wait(self, machine: Machine) -> str:
        return complaint(machine.wait(), machine.console)

    def _cut(self, machine: Machine, early: bool, delay: float) -> str:
        """Kills it at an instant. What is wrong: it ended before, or has found something missing."""
        try:
            if not early:
                machine.wait_for(WRITING, self._request.config.timeout)
            with suppress(MachineTimeout):
                machine.wait_for(_NEVER, delay)
        except MachineTimeout:
            return machine.stop("it does not begin to write").reason
        except MachineError:  # it has ended
            return complaint(machine.wait(), machine.console) or "the guest ended by itself"
        machine.stop("the power is cut")
        return next((line for line in machine.console if line.startswith("not ok")), "")

    # by losing writes

    def _log(self, item: Item) -> None:
        image, log = self._empty(item), self._folder / f"log-{item.seed}"
        log.write_bytes(b"")
        machine = self._boot(image, f"turns={TURNS} state={item.seed}", log)
        if machine is None:
            return
        try:
            wrong = self._wait(machine)
            console = list(machine.console)
        finally:
            stopping = self._end(machine)
        if stopping:
            return
        if wrong:
            self._keep(item, 0, image, console)
            self._tell(Result(item, 0, "logging", wrong, 0, seen_by_guest=False))
            return
        self._lose(item, image, log)
        image.unlink()
        log.unlink()

    def _lose(self, item: Item, image: Path, log: Path) -> None:
        chance, writes, offset = random.Random(item.seed), read_log(log), claim_offset(DISK_BYTES)
        places = sorted(chance.randint(0, len(writes)) for _ in range(item.cuts))
        for number, cut in enumerate(cuts(writes, DISK_BYTES, offset, places, chance, self._request.deaf)):
            if self._stopping:
                return
            claim = read_claim(cut.claim)
            # The claim that had been made by then, also where the cut has lost it.
            image.write_bytes(cut.image[:offset] + cut.claim.ljust(DISK_BYTES - offset, b"\0"))
            wrong, console = check_image(image, claim), []
            seen = not wrong and number % GUEST_EVERY == 0
            if seen:
                machine = self._boot(image, "turns=1")
                if machine is None:
                    return
                try:
                    wrong, console = self._wait(machine), list(machine.console)
                finally:
                    stopping = self._end(machine)
                if stopping:
                    return
            if wrong:
                wrong += f" (cut before entry {cut.place} of {len(writes)}; of what was not flushed: {cut.way})"
                self._keep(item, number, image, console, log)
            self._tell(Result(item, number, cut.way, wrong, claim.turn, seen))
            if wrong:
                return

    def _keep(self, item: Item, number: int, image: Path, console: list[str], log: Path | None = None) -> None:
        out = self._request.out / f"seed{item.seed}-cut{number}"
        try:
            shutil.rmtree(out, ignore_errors=True)
            out.mkdir(parents=True)
            shutil.copyfile(image, out / "disk.img")
            if log is not None:
                shutil.copyfile(log, out / "writes.log")
            (out / "console.log").write_text("".join(f"{line}\n" for line in console))
            (out / "command.txt").write_text(
                f"{self._request.command(item.seed, item.cuts)}\n\n"
                f"./weft disk check {out}/disk.img\n"
                f"./weft run --disk {out}/disk.img --append turns=1 {PROGRAM}\n"
            )
        except OSError as error:
            raise Failure(f"cannot write to {out}: {error.strerror}") from error


# ---- reporting ---------------------------------------------------------------------------------


class Report:
    def __init__(self, request: Request) -> None:
        self.request = request
        self.failed: list[Result] = []
        self._kinds: Counter[str] = Counter()
        self._turns: dict[int, int] = {}
        self._seen = 0
        self._started = time.monotonic()
        self._progress = Progress(PROGRESS_SECONDS)

    def add(self, result: Result) -> None:
        self._kinds[result.kind] += 1
        self._turns[result.item.seed] = max(self._turns.get(result.item.seed, 0), result.turn)
        self._seen += result.seen_by_guest
        if result.wrong:
            self.failed.append(result)
            self._progress.clear()
            print(f"seed {result.item.seed} cut {result.number} ({result.kind}): {result.wrong}")
            print(f"    kept in {self.request.out / f'seed{result.item.seed}-cut{result.number}'}")
            print(f"    again: {self.request.command(result.item.seed, result.item.cuts)}", flush=True)
        done = self._kinds.total()
        self._progress.show(f"{done} of {self.request.cuts} cuts, {len(self.failed)} failed")

    def end(self) -> int:
        self._progress.clear()
        order = WAYS if self.request.lost else ("writing", "early")
        kinds = ", ".join(f"{self._kinds[kind]} {kind}" for kind in order if self._kinds[kind])
        took = duration(time.monotonic() - self._started)
        print(f"weft: {self._kinds.total()} power cuts ({kinds}) during {sum(self._turns.values()):,} changes of files, "
              f"{self._seen} of them looked at by the guest too, in {took}", end="")  # fmt: skip
        print(f": {len(self.failed)} failed" if self.failed else ": nothing that was synced is lost", flush=True)
        return 1 if self.failed else 0


def plan(request: Request, report: Report) -> Iterator[Item]:
    """Shares of the cuts, until enough have failed."""
    share = max(CHAIN, GUEST_EVERY * 5) if request.lost else CHAIN
    for index, first in enumerate(range(0, request.cuts, share)):
        if len(report.failed) >= FAILURES:
            return
        yield Item(request.seed + index, min(share, request.cuts - first))


def powercut(request: Request) -> int:
    """Build and cut what was asked for; returns the exit code."""
    build_all([PROGRAM])
    report = Report(request)
    with tempfile.TemporaryDirectory(prefix="weft-powercut-") as folder:
        binaries = Binaries(Path(folder), [PROGRAM])
        return conduct(Cutter(plan(request, report), request, Path(folder), binaries), report)
