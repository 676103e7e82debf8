# SPDX-License-Identifier: Apache-2.0
"""What runs on a worker of a Dask cluster: the files that boots need, and one boot.

The client registers `Freight` with the cluster, so that every worker, also one that joins later or takes the
place of one that died, writes kernels and images into its own folder before its first boot. They are the
client's bytes: a worker builds nothing. A worker needs a checkout of the same commit, for the code that
runs QEMU, and the same version of QEMU; whatever differs is told, never measured.
"""

from __future__ import annotations

import os
import platform
import signal
from pathlib import Path
from typing import Any

from distributed import WorkerPlugin, get_worker

from weft.bench.environment import commit_of
from weft.bench.errors import BenchError
from weft.bench.launcher import BootOutcome, BootPlan, Portable
from weft.paths import ROOT

NAME = "weft-freight"


class Freight(WorkerPlugin):
    """See the module."""

    name = NAME

    def __init__(self, files: dict[str, bytes], ours: bool) -> None:
        self.files = files
        self.ours = ours  # the worker is a process of the client's, which ends it
        self.folder = Path()

    def setup(self, worker: Any) -> None:
        """On the worker."""
        if self.ours:  # Ctrl-C on the terminal is for the client
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        self.folder = Path(worker.local_directory)
        for name, content in self.files.items():
            (self.folder / name).write_bytes(content)
        self.files = {}


def describe() -> dict[str, Any]:
    """Which machine and which checkout a worker is."""
    return {"host": platform.node(), "pid": os.getpid(), "commit": commit_of(ROOT)}


def boot(plan: BootPlan, portable: Portable, commit: str) -> tuple[BootOutcome, float, str]:
    """One boot: its outcome, the load before it, and where it was."""
    here = describe()
    if here["commit"] != commit:
        raise BenchError(f"the worker on {here['host']} is a checkout of {here['commit']}, not of {commit}")
    load = os.getloadavg()[0]
    outcome = portable.boot(plan, get_worker().plugins[NAME].folder)
    return outcome, load, f"{here['host']} {here['pid']}"
