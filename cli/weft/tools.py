# SPDX-License-Identifier: Apache-2.0
"""Which programs this machine has, and in which versions.

A program is asked for its version once; the answer is kept in build/tools.json under the file's
path, size and time, so that an upgrade is noticed and everything else costs a look at the disk.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from weft.needs import Tool
from weft.paths import BUILD

MEMORY = BUILD / "tools.json"
VERSION = re.compile(r"(\d+)\.(\d+)(?:\.\d+)*")
SECONDS = 30


def missing(wanted: Iterable[Tool]) -> list[tuple[Tool, str]]:
    """The tools that are not there or too old, each with what is wrong."""
    versions = _Versions()
    found = [(tool, _problem(tool, versions)) for tool in wanted]
    versions.keep()
    return [(tool, problem) for tool, problem in found if problem]


def report(wanted: Iterable[Tool]) -> list[tuple[str, str]]:
    """For each tool its name and what is known about it."""
    versions = _Versions()
    lines = []
    for tool in wanted:
        state = _problem(tool, versions)
        if not state:
            path = _locate(tool)
            version = versions.of(path, tool) if tool.minimum and path else ""
            state = f"ok {version} {path}".replace("  ", " ")
        lines.append((tool.name, state))
    return lines


def forget() -> None:
    """After an installation: ask all programs again."""
    MEMORY.unlink(missing_ok=True)


def _problem(tool: Tool, versions: _Versions) -> str:
    path = _locate(tool)
    if path is None:
        return "not found"
    if not tool.minimum:
        return ""
    text = versions.of(path, tool)
    number = VERSION.match(text)
    if not number:
        return f"{path} does not tell its version"
    if (int(number[1]), int(number[2])) < (*tool.minimum, 0)[:2]:
        return f"too old: {text}, needs {'.'.join(map(str, tool.minimum))} or newer"
    return ""


def program(name: str) -> str | None:
    """Where it is; those for administrators are looked for as well where not everybody's PATH leads."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")


def _locate(tool: Tool) -> str | None:
    if not tool.file:
        return program(tool.name)
    if not shutil.which("clang"):
        return None
    path = _output(["clang", f"-print-file-name={tool.file}"]).strip()
    return path if path.startswith("/") and Path(path).exists() else None


def _output(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout + done.stderr


class _Versions:
    """The versions that are known, by path, size and time of the program's file."""

    def __init__(self) -> None:
        try:
            known = json.loads(MEMORY.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            known = {}
        self._known: dict[str, str] = known if isinstance(known, dict) else {}
        self._changed = False

    def of(self, path: str, tool: Tool) -> str:
        status = Path(path).stat()
        key = f"{Path(path).resolve()} {status.st_size} {status.st_mtime_ns}"
        if key not in self._known:
            found = VERSION.search(_output([path, tool.version_argument]))
            self._known[key] = found[0] if found else ""
            self._changed = True
        return self._known[key]

    def keep(self) -> None:
        if self._changed:
            MEMORY.parent.mkdir(parents=True, exist_ok=True)
            MEMORY.write_text(json.dumps(self._known, indent=1) + "\n", encoding="utf-8")
