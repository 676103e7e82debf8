# SPDX-License-Identifier: Apache-2.0
"""Run libFuzzer programs side by side on one corpus, and hand out what they say as they say it.

    with FuzzRuns(shares, settings, jobs=2) as runs:
        for event in runs: ...          # Count, Failed

Each of `jobs` threads takes the next Share (a program, its corpus, how many inputs) and runs it in a
process of its own; one that ends with a failure is begun anew with another seed for the inputs that are
left. Processes that share a corpus read each other's finds. The inputs that are counted are those that
the program made: reading the corpus at the start is no work. The threads are those of weft.workers; a process
belongs to the one that started it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from weft.failure import Failure
from weft.workers import Workers

STATUS = re.compile(r"#(\d+)\s+([A-Za-z]+)\s+cov: (\d+) ft: \d+ corp: (\d+)/")
UNITS = re.compile(r"stat::number_of_executed_units:\s*(\d+)")
ARTIFACT = re.compile(r"Test unit written to (\S+)")
SUMMARY = re.compile(r"SUMMARY: (.*)")
LAST_LINES = 60
SPARE = 16  # the corpus counts as read with a few inputs more than it has files


@dataclass(frozen=True)
class Share:
    """So many inputs for a program. `first_seed` is that of its first process."""

    program: Path
    corpus: Path
    inputs: int
    first_seed: int
    bytes_max: int  # of an input


@dataclass(frozen=True)
class Settings:
    """What all processes have in common."""

    out: Path  # for inputs that fail
    seconds: int  # for one input: what takes longer hangs
    temporary: Path

    def command(self, share: Share, inputs: int, seed: int) -> list[str]:
        return [
            str(share.program),
            f"-runs={inputs + SPARE + sum(1 for _ in share.corpus.iterdir())}",
            f"-seed={seed}",
            f"-max_len={share.bytes_max}",
            f"-timeout={self.seconds}",
            "-rss_limit_mb=2048",
            f"-artifact_prefix={self.out}/{share.program.name}-",
            "-close_fd_mask=2",  # what the tools say to people; libFuzzer and the sanitizers keep theirs
            # The corpus is steered by structure, so that its bookkeeping is worth less than its time.
            "-entropic=0",
            "-reduce_inputs=0",
            "-print_final_stats=1",
            str(share.corpus),
        ]


@dataclass(frozen=True)
class Count:
    """A program made `inputs` more; `corpus` and `edges` are what it has found by now."""

    program: str
    inputs: int
    corpus: int
    edges: int


@dataclass(frozen=True)
class Failed:
    """A process ended with a failure: what it was, the input, and the last lines."""

    program: str
    what: str
    artifact: Path | None
    lines: tuple[str, ...]


class FuzzRuns(Workers[Share, Count | Failed]):
    def __init__(self, shares: Iterable[Share], settings: Settings, jobs: int) -> None:
        super().__init__(iter(shares), jobs)
        self._settings = settings
        self._processes: set[subprocess.Popen[str]] = set()

    def _kill(self) -> None:
        for process in self._processes:
            process.kill()

    def _do(self, item: Share) -> None:
        left, seed = item.inputs, item.first_seed
        while left > 0 and not self._stopping:
            left -= self._run(item, left, seed)
            seed += 1

    def _run(self, share: Share, inputs: int, seed: int) -> int:
        """Runs one process to its end; returns how many inputs it made, at least one."""
        command = self._settings.command(share, inputs, seed)
        environment = {**os.environ, "TMPDIR": str(self._settings.temporary)}
        with self._lock:
            if self._stopping:
                return inputs
            try:
                process = subprocess.Popen(
                    command, env=environment, text=True, errors="replace", stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                )  # fmt: skip
            except OSError as error:
                raise Failure(f"cannot run {share.program}: {error.strerror}") from error
            self._processes.add(process)
        told = _Told(share.program.stem, self._tell)
        assert process.stderr is not None
        for line in process.stderr:
            told.line(line.rstrip())
        code = process.wait()
        shutil.rmtree(self._settings.temporary / f"weft-fuzz-{process.pid}", ignore_errors=True)
        with self._lock:
            self._processes.discard(process)
            stopping = self._stopping
        if code and not stopping:
            told.failed(code)
        return max(told.made, 1)


class _Told:
    """What one process has said so far."""

    def __init__(self, program: str, tell: Callable[[Count | Failed], None]) -> None:
        self._program = program
        self._tell = tell
        self._read = 0  # inputs of the corpus
        self._status = (0, 0)
        self._what = ""
        self._artifact: Path | None = None
        self._last: deque[str] = deque(maxlen=LAST_LINES)
        self.made = 0

    def line(self, line: str) -> None:
        if not line.startswith("#"):
            self._last.append(line)
        if status := STATUS.match(line):
            units, corpus, edges = int(status[1]), int(status[4]), int(status[3])
            self._status = (corpus, edges)
            if status[2] == "INITED":
                self._read = units
            elif self._read:
                self._count(units)
        elif units := UNITS.match(line):
            self._count(int(units[1]))
        elif artifact := ARTIFACT.search(line):
            self._artifact = Path(artifact[1])
        elif summary := SUMMARY.match(line):
            self._what = summary[1]

    def _count(self, units: int) -> None:
        more = units - self._read - self.made
        if self._read and more > 0:
            self.made += more
            self._tell(Count(self._program, more, *self._status))

    def failed(self, code: int) -> None:
        what = self._what or f"ended with exit code {code}"
        self._tell(Failed(self._program, what, self._artifact, tuple(self._last)))
