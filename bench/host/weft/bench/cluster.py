# SPDX-License-Identifier: Apache-2.0
"""Boots by the workers of a Dask cluster: for large grids.

    with Cluster.connect("local:2", launcher, commit) as cluster:      # or tcp://scheduler:8786
        runner = Runner(plans, launcher, store, cluster, ...)

One task is one boot; it depends on nothing but its plan, so it may be made anywhere and made again. Only this
process writes the store, and each boot is taken once. A boot whose worker died is given to another one by Dask.
After DEATHS workers have died over the same boot it counts as failed.

Which boots go where:
- captures are taken here, first: they read the memory of a QEMU of this machine;
- boots that are compared with each other in time (a baseline in tcg or kvm) are made here as well, by turns;
- icount boots go to all workers, several per machine: their figures do not know what else the host does;
- other boots in tcg and kvm go out one per machine at a time, as two would disturb each other.
"""

from __future__ import annotations

import contextlib
import logging
import re
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any

from weft import setup
from weft.bench.errors import BenchError
from weft.bench.launcher import Launcher
from weft.bench.progress import Progress
from weft.bench.runner import Done, Here, Task

CONNECT_SECONDS = 10
WORKER_SECONDS = 30  # for the first worker to come, and for another one when all are gone
LOOK_SECONDS = 1.0
LOCAL_MAX = 256
DEATHS = 3
LOCAL = re.compile(r"local:(\d{1,9})")


def check_address(address: str) -> int:
    """How many workers of our own are asked for; 0: somebody else's. BenchError if it cannot be meant."""
    local = LOCAL.fullmatch(address)
    if local and not 1 <= int(local[1]) <= LOCAL_MAX:
        raise BenchError(f"--dask local:N wants 1 to {LOCAL_MAX} workers, not {local[1]}", code=2)
    if not local and not re.fullmatch(r"(tcp|tls|ws|wss)://[^\s:]+:\d+", address):
        raise BenchError(f"--dask wants local:N or an address such as tcp://host:8786, not '{address}'", code=2)
    return int(local[1]) if local else 0


class Cluster:
    """See the module; an Engine."""

    def __init__(self, client: Any, local: Any, launcher: Launcher, commit: str, address: str) -> None:
        self._client = client
        self._local = local  # the cluster, where it is our own
        self._launcher = launcher
        self._commit = commit
        self._address = address
        self._known: set[str] = set()
        self.workers = 1
        self.environment = {"workers": f"of Dask at {address}"}

    @staticmethod
    def connect(address: str, launcher: Launcher, commit: str) -> Cluster:
        """A cluster of this process, or one that is there. BenchError where there is none."""
        local = check_address(address)
        setup.setup("grid")
        import dask
        import distributed

        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        dask.config.set({"distributed.scheduler.allowed-failures": DEATHS - 1})
        own = None
        try:
            if local:
                own = distributed.LocalCluster(
                    n_workers=local, threads_per_worker=1, processes=True, memory_limit=0,
                    host="127.0.0.1", dashboard_address="127.0.0.1:0", silence_logs=logging.CRITICAL,
                )  # fmt: skip
            client = distributed.Client(own or address, timeout=CONNECT_SECONDS)
        except (OSError, ValueError, RuntimeError) as error:
            raise BenchError(f"--dask {address}: no scheduler answers there: {error}") from error
        return Cluster(client, own, launcher, commit, address)

    def __enter__(self) -> Cluster:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(Exception):
            self._client.close(timeout=5)
        if self._local is not None:
            with contextlib.suppress(Exception):
                self._local.close(timeout=5)

    def run(self, tasks: Sequence[Task], progress: Progress) -> Iterator[Done]:
        """See the module."""
        here = [task for task in tasks if task.boot.capture or (task.paired and task.boot.mode != "icount")]
        yield from Here(self._launcher).run(here, progress)
        there = [task for task in tasks if task not in here]
        if not there:
            return
        self._greet([task.boot for task in there])
        exact = [task for task in there if task.boot.mode == "icount"]
        yield from self._spread(exact, [None] * (4 * self.workers), progress)
        timed = [task for task in there if task.boot.mode != "icount"]
        yield from self._spread(timed, self._machines(), progress)

    def _greet(self, plans: list[Any]) -> None:
        """Waits for workers, looks at them, and sends them the files."""
        from weft.bench import cluster_worker

        try:
            self._client.wait_for_workers(1, timeout=WORKER_SECONDS)
            self._client.register_plugin(cluster_worker.Freight(self._launcher.freight(plans), self._local is not None))
            found = self._client.run(cluster_worker.describe)
        except TimeoutError as error:
            raise BenchError(f"--dask {self._address}: no worker came within {WORKER_SECONDS} s") from error
        except ImportError as error:
            raise BenchError(f"--dask {self._address}: a worker lacks the tree's Python packages: {error}") from error
        self.workers = len(found)
        self._known = set(found)
        for address, worker in found.items():
            if worker["commit"] != self._commit:
                raise BenchError(
                    f"--dask {self._address}: the worker {address} on {worker['host']} is a checkout of"
                    f" {worker['commit']}, not of {self._commit}"
                )
        names = ", ".join(f"{worker['host']} {worker['pid']}" for worker in found.values())
        print(f"{self.workers} workers: {names}", file=sys.stderr, flush=True)
        self.environment = {"workers": f"{self.workers} of Dask at {self._address}: {names}"}

    def _machines(self) -> list[list[str] | None]:
        """The addresses of the workers of each machine."""
        machines: dict[str, list[str]] = {}
        for address in self._client.scheduler_info(n_workers=-1)["workers"]:
            machines.setdefault(address.rpartition(":")[0], []).append(address)
        return list(machines.values())

    def _spread(
        self, tasks: list[Task], lanes: Sequence[list[str] | None], progress: Progress
    ) -> Iterator[Done]:
        """One task after the other on each lane: on any of its workers."""
        todo = deque(tasks)
        running: dict[Any, tuple[Task, list[str] | None]] = {}
        try:
            for lane in lanes:
                self._submit(todo, lane, running)
            while running:
                for future in self._ended(list(running)):
                    task, lane = running.pop(future)
                    yield self._done(task, future, progress)
                    self._submit(todo, lane, running)
        finally:
            if running:
                with contextlib.suppress(Exception):
                    self._client.cancel(list(running))

    def _submit(self, todo: deque[Task], lane: list[str] | None, running: dict[Any, Any]) -> None:
        if not todo:
            return
        from weft.bench import cluster_worker

        task = todo.popleft()
        future = self._client.submit(
            cluster_worker.boot, task.boot, self._launcher.portable(task.boot), self._commit,
            key=f"boot-{task.key}", workers=lane, allow_other_workers=bool(lane),
        )  # fmt: skip
        running[future] = task, lane

    def _ended(self, futures: list[Any]) -> list[Any]:
        """Those that have ended, at least one. BenchError where there is nobody left to wait for."""
        from distributed import wait

        alone = 0.0
        while True:
            done: list[Any] = []
            with contextlib.suppress(TimeoutError):
                done = list(wait(futures, timeout=LOOK_SECONDS, return_when="FIRST_COMPLETED").done)
            self._look()
            if done:
                return done
            alone = 0.0 if self._known else alone or time.monotonic()
            if alone and time.monotonic() - alone > WORKER_SECONDS:
                raise BenchError(f"--dask {self._address}: no worker is left")

    def _look(self) -> None:
        """Tells of workers that are gone."""
        if self._client.status != "running":
            raise BenchError(f"--dask {self._address}: the scheduler went away")
        present = set(self._client.scheduler_info(n_workers=-1)["workers"])
        for address in sorted(self._known - present):
            print(f"the worker {address} is gone: what it was at is done by another one", file=sys.stderr, flush=True)
        self._known = present

    def _done(self, task: Task, future: Any, progress: Progress) -> Done:
        from distributed.scheduler import KilledWorker

        try:
            outcome, load, where = future.result()
        except KilledWorker:
            done = Done(task, None, reason=f"{DEATHS} workers died while they were at it")
        except BenchError as error:
            done = Done(task, None, reason=str(error))
        except Exception as error:  # whatever a worker may raise: of this boot, not of the run
            done = Done(task, None, reason=f"the worker failed: {type(error).__name__}: {error}")
        else:
            progress.end(task.number, f"booted by {where}", outcome.seconds)
            return Done(task, outcome, load)
        progress.end(task.number, done.reason)
        return done
