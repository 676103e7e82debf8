# SPDX-License-Identifier: Apache-2.0
"""What `weft powercut` was asked for.

    request = check(arguments)      refuse what cannot work before anything is installed or built

A module of its own, as the rest of the command (weft.powercut) needs packages that set-up installs.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

from weft.campaign import positive, prepare
from weft.machine_config import MachineConfig, UsageError
from weft.paths import OUT
from weft.run import seconds_of, whole_number


@dataclass(frozen=True)
class Request:
    cuts: int
    seed: int
    lost: bool
    deaf: bool
    config: MachineConfig
    jobs: int
    out: Path

    def command(self, seed: int, number: int) -> str:
        words = ["./weft powercut", f"--cuts {number}", f"--seed {seed}"]
        words += ["--lost"] if self.lost else []
        words += ["--plant deaf"] if self.deaf else []
        words += ["--cpus", str(self.config.cpus)] if self.config.cpus != 4 else []
        return " ".join(words)


def check(arguments: argparse.Namespace) -> Request:
    """The request in the command line. Raises UsageError or Failure for what cannot work."""
    seed = whole_number("seed", arguments.seed)
    if not 0 <= seed < 1 << 31:
        raise UsageError("seeds are 0 to 2^31-1")
    if arguments.plant and not arguments.lost:
        raise UsageError("--plant goes with --lost")
    config = MachineConfig(
        kernel=Path(__file__),  # any file that exists: the kernel is not built yet
        cpus=whole_number("cpus", arguments.cpus),
        accel="tcg",
        timeout=seconds_of(arguments.timeout),
    )
    config.validate()
    return Request(
        cuts=positive("cuts", arguments.cuts),
        seed=seed,
        lost=arguments.lost,
        deaf=bool(arguments.plant),
        config=config,
        jobs=positive("jobs", arguments.jobs or str(len(os.sched_getaffinity(0)))),
        out=prepare(Path(arguments.out) if arguments.out else OUT / "powercut"),
    )
