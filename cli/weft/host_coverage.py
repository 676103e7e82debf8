# SPDX-License-Identifier: Apache-2.0
"""How much of the trace tools' code a corpus reaches: functions, lines and branches, by clang's counters.

    coverage = measure(programs, {program: corpus})     # builds build/host/coverage/<program>
    coverage.lines()                                    # for people

The programs are the fuzz tests, built plainly and with counters. main.c is not in them: the command line
comes from the user, and tests/trace tries it.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from weft import build
from weft.failure import Failure
from weft.paths import ROOT

ROOM = ROOT / "trace" / "host"
KINDS = ("functions", "lines", "branches")
UNREACHED_MAX = 12


@dataclass(frozen=True)
class Coverage:
    """Of each kind how many were reached and how many there are; the functions that were not."""

    reached: dict[str, tuple[int, int]]
    unreached: tuple[str, ...]

    def lines(self) -> list[str]:
        parts = [
            f"{some:,} of {every:,} {kind} ({100 * some / max(every, 1):.1f} %)"
            for kind, (some, every) in self.reached.items()
        ]
        lines = [f"trace/host: the corpus reaches {', '.join(parts)}"]
        if self.unreached:
            more = len(self.unreached) - UNREACHED_MAX
            names = ", ".join(self.unreached[:UNREACHED_MAX]) + (f" and {more} more" if more > 0 else "")
            lines.append(f"not reached: {names}")
        return lines


def measure(programs: Sequence[str], corpora: Mapping[str, Path]) -> Coverage:
    binaries = [build.BUILD / "host" / "coverage" / name for name in programs]
    build.build(binaries)
    with tempfile.TemporaryDirectory(prefix="weft-coverage-") as name:
        folder = Path(name)
        for binary in binaries:
            environment = {
                **os.environ,
                "LLVM_PROFILE_FILE": str(folder / f"{binary.name}.raw"),
                "TMPDIR": name,
            }
            _run([str(binary), "-runs=0", str(corpora[binary.name])], environment)
        profile = folder / "all.profdata"
        _run(["llvm-profdata", "merge", "-o", str(profile), *map(str, folder.glob("*.raw"))])
        objects = [word for binary in binaries[1:] for word in ("-object", str(binary))]
        text = _run(["llvm-cov", "export", f"-instr-profile={profile}", str(binaries[0]), *objects])
    return _read(json.loads(text)["data"][0])


def _run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> str:
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, errors="replace")
    except OSError as error:
        raise Failure(f"cannot run {command[0]}: {error.strerror}") from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["?"])[-1]
        raise Failure(f"no coverage: {Path(command[0]).name} ended with {done.returncode}: {last}")
    return done.stdout


def _read(data: dict) -> Coverage:
    files = [entry["summary"] for entry in data["files"] if _is_ours(entry["filename"])]
    reached = {
        kind: (sum(file[kind]["covered"] for file in files), sum(file[kind]["count"] for file in files))
        for kind in KINDS
    }
    counts: dict[str, int] = {}
    for function in data["functions"]:
        if _is_ours(function["filenames"][0]):
            name = function["name"].rsplit(":", 1)[-1]
            counts[name] = counts.get(name, 0) + function["count"]
    return Coverage(reached, tuple(sorted(name for name, count in counts.items() if not count)))


def _is_ours(filename: str) -> bool:
    path = (ROOT / filename).resolve()
    return path.parent == ROOM and path.suffix == ".c"
