# SPDX-License-Identifier: Apache-2.0
"""One machine for a long time, with a service killed every second: what `weft faults --endure MINUTES` does.

The guest program tests/guest/endurance.c kills and judges; here its figures are shown as they come, and kept in
OUT/endure.json. The run fails when the guest says so (a client that gets no good answers any more, a wrong answer,
pages that did not come back), when the kernel panics, or when nothing ends in time.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shlex
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from weft.campaign import Binaries, build_all, complaint, duration, keep_evidence, positive, prepare, telling
from weft.failure import Failure
from weft.faults_table import quantile
from weft.machine import RECORD_PREFIX, Machine, MachineConfig
from weft.machine_config import UsageError
from weft.paths import OUT
from weft.steps import Progress

PROGRAM = "test_endurance"
ACCEL = "tcg"
CPUS = 4
DEVICES = ("virtio-rng-pci-non-transitional",)
DISK_BYTES = 4 << 20
PROGRESS_SECONDS = 60.0
SLOWER = 4  # the guest's clock may fall behind the host's: so many times as long is a hang


# What says how faults are injected, and means nothing here: as in the parsed arguments, and as people type it.
FOREIGN = {
    "seeds": "--seeds",
    "first_seed": "--first-seed",
    "seed": "--seed",
    "faults": "--faults",
    "images": "--with",
    "jobs": "--jobs",
    "timeout": "--timeout",
}


@dataclass(frozen=True)
class Request:
    """`config` lacks kernel, image and disk."""

    minutes: int
    config: MachineConfig
    out: Path
    append: str = ""

    @property
    def command(self) -> str:
        """What a person types to see this run again."""
        words = ["./weft", "faults", "--endure", str(self.minutes)]
        if self.config.accel != ACCEL:
            words += ["--accel", self.config.accel]
        if self.config.cpus != CPUS:
            words += ["--cpus", str(self.config.cpus)]
        if not self.config.iommu:
            words += ["--no-iommu"]
        if self.append:
            words += ["--append", self.append]
        return shlex.join(words)


def check(arguments: argparse.Namespace) -> Request:
    """The request in the command line. Raises UsageError or Failure for what cannot work."""
    minutes = positive("endure", arguments.endure)
    if foreign := [option for name, option in FOREIGN.items() if getattr(arguments, name) is not None]:
        raise UsageError(f"--endure is one machine and only kills: it does not take {', '.join(foreign)}")
    accel = arguments.accel or ACCEL
    if accel not in ("tcg", "icount"):
        raise UsageError(f"accel must be tcg or icount, not {accel!r}")
    config = MachineConfig(
        kernel=Path(__file__),  # any file that exists: the kernel is not built yet
        cpus=positive("cpus", arguments.cpus),
        accel=accel,
        command_line=f"{arguments.append} seconds={minutes * 60}".strip(),
        timeout=minutes * 60.0 * SLOWER + 120,
        devices=DEVICES,
        iommu=not arguments.no_iommu,
    )
    config.validate()
    return Request(minutes, config, prepare(Path(arguments.out) if arguments.out else OUT / "endure"), arguments.append)


class Report:
    """Figures as they come, and at the end."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.records: list[dict] = []
        self._started = time.monotonic()
        self._progress = Progress(PROGRESS_SECONDS)

    def kills(self) -> list[dict]:
        return [record for record in self.records if record.get("record") == "kill"]

    def line(self, line: str) -> None:
        """A line of the console."""
        if not line.startswith(RECORD_PREFIX):
            return
        with contextlib.suppress(ValueError):
            self.records.append(json.loads(line[len(RECORD_PREFIX) :]))
        if kills := self.kills():
            last = kills[-1]
            self._progress.show(
                f"{last['at'] / 60000:.1f} min: {len(kills)} kills, init has {last['free']:,} pages free"
            )

    def end(self, wrong: str) -> int:
        self._progress.clear()
        print("\n".join(self.lines()))
        content = {"minutes": self.request.minutes, "accel": self.request.config.accel, "wrong": wrong}
        try:
            path = self.request.out / "endure.json"
            path.write_text(json.dumps({**content, "records": self.records}, indent=1) + "\n")
        except OSError as error:
            raise Failure(f"cannot write to {self.request.out}: {error.strerror}") from error
        took = duration(time.monotonic() - self._started)
        print(f"weft: {wrong or 'no failure'}; {took}; records in {path}", flush=True)
        return 1 if wrong else 0

    def lines(self) -> list[str]:
        kills = self.kills()
        lines = []
        if kills:
            took = sorted(kill["took"] for kill in kills)
            times = (took[0], quantile(took, 0.5), quantile(took, 0.9), took[-1])
            per_service = Counter(kill["service"] for kill in kills)
            lines.append(f"{len(kills):,} kills: " + ", ".join(f"{n} {name}" for name, n in per_service.most_common()))
            lines.append(
                "ms until all was well: min {:.1f}, median {:.1f}, p90 {:.1f}, max {:.1f}".format(
                    *(time / 1000 for time in times)
                )
            )
        for record in self.records:
            if record.get("record") == "client":
                lines.append(
                    f"{record['name']:13}  {record['good']:10,} good answers, {record['cut']:6,} asked again,"
                    f" pages free {record['pages before']:,} before, {record['pages after']:,} after"
                )
            elif record.get("record") == "init":
                lines.append(f"init           pages free {record['pages before']:,} before, {record['pages after']:,} after")
        return lines


def endure(request: Request) -> int:
    """Build and run what was asked for; returns the exit code."""
    build_all([PROGRAM])
    report = Report(request)
    with TemporaryDirectory(prefix="weft-endure-") as folder:
        disk = Path(folder) / "disk.img"
        disk.write_bytes(bytes(DISK_BYTES))
        config = Binaries(Path(folder), [PROGRAM]).config(replace(request.config, disk=disk), PROGRAM)
        with Machine(config, on_line=report.line) as machine:
            outcome = machine.wait()
            wrong = complaint(outcome, machine.console)
            if wrong:
                for line in telling(machine.console):
                    print(f"    {line}")
                keep_evidence(machine, config, request.command, request.out / "failed")
                print(f"    kept in {request.out / 'failed'}", flush=True)
        return report.end(wrong)
