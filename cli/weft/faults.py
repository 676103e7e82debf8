# SPDX-License-Identifier: Apache-2.0
"""Faults put into running services by the thousand: what `weft faults` does.

    request = check(arguments)      refuse what cannot work before anything is installed or built
    faults(request)                 build, boot every seed, report

Each run boots the guest program tests/guest/injection.c, which puts faults into drivers and servers under
load and prints a record for each: what came of it, who noticed, how long it took until all was well
again. docs/faults.md says what the words mean.

A run fails when a manifested failure did not recover by itself, when a canary or the part of the disk that no
client writes was changed, when the kernel panics or nothing ends in time, and when the capture breaks a
rule of `weft trace check`. A failing run leaves its evidence as `weft explore` does. All records are in
OUT/faults.json.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from weft import build
from weft.campaign import (
    Binaries,
    build_all,
    complaint,
    conduct,
    duration,
    keep_evidence,
    positive,
    prepare,
    seeds_of,
    telling,
)
from weft.explore_runs import Result, Run, Runs
from weft.failure import Failure
from weft.faults_table import Fault, summary, table
from weft.machine import Machine, MachineConfig
from weft.machine_config import UsageError
from weft.outcome import Outcome
from weft.paths import OUT
from weft.run import seconds_of
from weft.steps import Progress
from weft.trace_check import check_trace

# The boot images, and who uses the disk: a client that writes to a part in its middle
# (tests/guest/injection_clients.c; the rest is watched from here), or the file system. Seeds take turns.
IMAGES = {"disk": "test_injection", "files": "test_injection_files"}
CPUS = 4
SEEDS = 10
FAULTS = 50
TIMEOUT = 900
PROGRESS_SECONDS = 30.0
DEVICES = ("virtio-rng-pci-non-transitional",)

DISK_BYTES = 4 << 20
CLIENTS_PART = range(2048 * 512, (2048 + 64 * 8) * 512)


@dataclass(frozen=True)
class Request:
    """A campaign as it was asked for. `config` lacks kernel, image, disk and seed."""

    seeds: range
    faults: int
    config: MachineConfig
    jobs: int
    out: Path
    append: str
    images: tuple[str, ...] = tuple(IMAGES)

    def image(self, seed: int) -> str:
        return self.images[seed % len(self.images)]

    def command(self, seed: int) -> str:
        """What a person types to see this run again."""
        words = ["./weft", "faults", "--seed", str(seed), "--faults", str(self.faults)]
        if self.config.accel != "icount":
            words += ["--accel", self.config.accel]
        if self.config.cpus != CPUS:
            words += ["--cpus", str(self.config.cpus)]
        if not self.config.iommu:
            words += ["--no-iommu"]
        if len(self.images) < len(IMAGES):
            words += ["--with", ",".join(self.images)]
        if self.append:
            words += ["--append", self.append]
        return shlex.join(words)


def check(arguments: argparse.Namespace) -> Request:
    """The request in the command line. Raises UsageError or Failure for what cannot work."""
    accel = arguments.accel or "icount"
    if accel not in ("tcg", "icount"):
        raise UsageError(f"accel must be tcg or icount, not {accel!r}")
    count = positive("faults", arguments.faults or str(FAULTS))
    config = MachineConfig(
        kernel=Path(__file__),  # any file that exists: the kernel is not built yet
        cpus=positive("cpus", arguments.cpus),
        accel=accel,
        command_line=f"{arguments.append} faults={count}".strip(),
        timeout=seconds_of(arguments.timeout or str(TIMEOUT)),
        devices=DEVICES,
        iommu=not arguments.no_iommu,
    )
    config.validate()
    return Request(
        seeds=seeds_of(arguments, SEEDS),
        faults=count,
        config=config,
        jobs=positive("jobs", arguments.jobs or str(len(os.sched_getaffinity(0)))),
        out=prepare(Path(arguments.out) if arguments.out else OUT / "faults"),
        append=arguments.append,
        images=images_of(arguments.images),
    )


def images_of(names: str | None) -> tuple[str, ...]:
    chosen = tuple(dict.fromkeys(names.split(","))) if names else tuple(IMAGES)
    for name in chosen:
        if name not in IMAGES:
            raise UsageError(f"no image {name!r} for faults (have: {', '.join(IMAGES)})")
    return chosen


def pattern() -> bytes:
    """What the client's disk holds before the first boot: never two sectors alike."""
    return b"".join(number.to_bytes(8, "little") * 64 for number in range(1, DISK_BYTES // 512 + 1))


def damage(disk: Path, before: bytes) -> str:
    """What has changed where no client writes; empty if nothing has."""
    after = disk.read_bytes()
    for start, end in ((0, CLIENTS_PART.start), (CLIENTS_PART.stop, DISK_BYTES)):
        if after[start:end] != before[start:end]:
            at = next(byte for byte in range(start, end) if after[byte] != before[byte])
            return f"the disk has changed at byte {at}, where no client writes"
    return ""


class Campaign:
    """The runs; `folder` keeps the binaries, disks and captures meanwhile."""

    def __init__(self, request: Request, folder: Path) -> None:
        self.request = request
        self._folder = folder
        self._binaries = Binaries(folder, [IMAGES[name] for name in request.images])
        self._pattern = pattern()

    def plan(self) -> Iterator[Run]:
        for seed in self.request.seeds:
            disk = self._folder / f"{seed}.img"
            image = self.request.image(seed)
            disk.write_bytes(self._content(image))
            config = replace(self.request.config, seed=seed, disk=disk)
            yield Run(image, seed, self._binaries.config(config, IMAGES[image]))

    def judge(self, run: Run, machine: Machine, outcome: Outcome) -> str:
        """Why the run failed, and its evidence kept; empty if it did not."""
        capture = self._folder / f"{run.seed}.weft"
        disk = run.config.disk
        assert disk is not None
        wrong = (
            complaint(outcome, machine.console)
            or (damage(disk, self._pattern) if run.subject == "disk" else "")
            or not_recovered(machine)
            or unfinished(machine, self.request.faults)
            or check_trace(machine, build.host_tool(), capture)
        )
        if wrong:
            self._keep(run, machine)
        disk.unlink(missing_ok=True)
        return wrong

    def _keep(self, run: Run, machine: Machine) -> None:
        """The evidence, with the disk as it was in the end, and one as in the beginning for the run again."""
        assert run.config.disk is not None
        folder = folder_of(self.request, run)
        again = replace(run.config, disk=folder / "disk.img")
        keep_evidence(machine, again, self.request.command(run.seed), folder)
        try:
            shutil.copyfile(run.config.disk, folder / "disk-after.img")
            (folder / "disk.img").write_bytes(self._content(run.subject))
        except OSError as error:
            raise Failure(f"cannot write to {folder}: {error.strerror}") from error

    def _content(self, image: str) -> bytes:
        """Of a disk in the beginning."""
        return self._pattern if image == "disk" else bytes(DISK_BYTES)


def not_recovered(machine: Machine) -> str:
    """The first failure that needed help."""
    for record in machine.records:
        if record.get("record") == "fault" and record["how"] and not record["recovered"]:
            fault = Fault.of(0, record)
            return f"not recovered: {fault.kind} in {fault.service} ({fault.how}), {fault.laggard} is not well"
        if record.get("record") == "late":
            latent = record["latent"] or "nothing"
            return f"not recovered: {record['laggard']} is not well, late (latent: {latent})"
    return ""


def unfinished(machine: Machine, wanted: int) -> str:
    """A run that has not done what it was asked for shows nothing."""
    found = sum(record.get("record") == "fault" for record in machine.records)
    return "" if found == wanted else f"only {found} of {wanted} faults could be injected"


def folder_of(request: Request, run: Run) -> Path:
    return request.out / f"seed{run.seed}"


class Report:
    """What a person sees: progress, failures as they come, the tables at the end."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.found: list[Fault] = []
        self.late: list[dict] = []
        self.failed: list[Result] = []
        self.ran = 0
        self._started = time.monotonic()
        self._progress = Progress(PROGRESS_SECONDS)

    def add(self, result: Result) -> None:
        self.ran += 1
        self.found += [
            Fault.of(result.run.seed, record) for record in result.records if record.get("record") == "fault"
        ]
        self.late += [
            {"seed": result.run.seed, **record} for record in result.records if record.get("record") == "late"
        ]
        if result.wrong:
            self.failed.append(result)
            self._show_failure(result)
        total = len(self.request.seeds)
        self._progress.show(f"{self.ran} of {total} runs, {len(self.found):,} faults, {len(self.failed)} failed")

    def _show_failure(self, result: Result) -> None:
        self._progress.clear()
        print(f"seed {result.run.seed}: {result.wrong}")
        if not result.wrong.startswith("not recovered"):
            for line in telling(result.console):
                print(f"    {line}")
        print(f"    kept in {folder_of(self.request, result.run)}")
        print(f"    again: {self.request.command(result.run.seed)}", flush=True)

    def end(self) -> int:
        """Prints the tables; returns the exit code."""
        self._progress.clear()
        self._save()
        print("\n".join([*table(self.found, "service"), "", *table(self.found, "kind"), ""]))
        took = duration(time.monotonic() - self._started)
        print(f"weft: {summary(self.found, len(self.late))}; {self.ran} runs, {took}; records in {self.request.out}/faults.json")
        if not self.failed:
            print("weft: no failure", flush=True)
            return 0
        again = self.request.command(self.failed[0].run.seed)
        print(f"weft: {len(self.failed)} runs failed; the first again: {again}", flush=True)
        return 1

    def _save(self) -> None:
        content = {
            "accel": self.request.config.accel,
            "cpus": self.request.config.cpus,
            "seeds": [self.request.seeds.start, self.request.seeds.stop - 1],
            "runs": self.ran,
            "failed": {str(result.run.seed): result.wrong for result in self.failed},
            "late": self.late,
            "faults": [fault.as_dict() for fault in self.found],
        }
        try:
            (self.request.out / "faults.json").write_text(json.dumps(content, indent=1) + "\n")
        except OSError as error:
            raise Failure(f"cannot write to {self.request.out}: {error.strerror}") from error


def faults(request: Request) -> int:
    """Build and run what was asked for; returns the exit code."""
    build_all(IMAGES[name] for name in request.images)
    report = Report(request)
    with tempfile.TemporaryDirectory(prefix="weft-faults-") as folder:
        campaign = Campaign(request, Path(folder))
        return conduct(Runs(campaign.plan(), campaign.judge, request.jobs), report)
