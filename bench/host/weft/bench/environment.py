# SPDX-License-Identifier: Apache-2.0
"""Where a result was made: host CPU, load, memory, Python, commit.

Nothing here may fail: a host that does not tell is recorded as not telling. `commit_of` gives the
checkout's commit, with `-dirty` when tracked files differ from it, so that a figure can be traced
to the code that it belongs to.
"""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

UNKNOWN = "unknown"


def describe_host() -> dict[str, str]:
    """What the report shows about the machine that ran QEMU."""
    return {
        "host CPU": _field("/proc/cpuinfo", "model name"),
        "host CPUs": str(os.cpu_count() or UNKNOWN),
        "host memory": _field("/proc/meminfo", "MemTotal"),
        "host load before": _load(),
        "host kernel": f"{platform.system()} {platform.release()}",
        "host system": _field("/etc/os-release", "PRETTY_NAME", "=").strip('"'),
        "Python": platform.python_version(),
    }


def commit_of(root: Path) -> str:
    """The commit of the checkout, `-dirty` if changed, or `unknown` outside of a checkout."""
    commit = _git(root, "rev-parse", "HEAD")
    if not commit:
        return UNKNOWN
    return commit + ("-dirty" if _git(root, "status", "--porcelain", "--untracked-files=no") else "")


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], check=False, capture_output=True, text=True, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _load() -> str:
    try:
        return " ".join(f"{value:.2f}" for value in os.getloadavg())
    except OSError:
        return UNKNOWN


def _field(path: str, key: str, separator: str = ":") -> str:
    """The value of the first `key<separator>value` line of a file."""
    try:
        for line in Path(path).read_text(encoding="utf-8", errors="replace").splitlines():
            name, found, value = line.partition(separator)
            if found and name.strip() == key:
                return value.strip()
    except OSError:
        pass
    return UNKNOWN
