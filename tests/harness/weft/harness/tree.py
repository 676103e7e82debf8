# SPDX-License-Identifier: Apache-2.0
"""What the build made, by name, after building it once.

`Tree.build()` brings everything that tests use up to date; after that every path below exists or
its accessor raises BuildError with a line that says what is missing. A second call costs nothing,
a failed build fails every test that needs it with the same words.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

BUILD_SECONDS = 900
LAST_LINES = 30


class BuildError(Exception):
    """The build failed or did not make what a test needs."""


@dataclass
class Tree:
    root: Path
    arch: str = "x86_64"
    _built: bool = field(default=False, init=False)
    _failure: str | None = field(default=None, init=False)

    def build(self) -> Tree:
        if not self._built:
            self._built = True
            self._failure = self._run_build()
        if self._failure is not None:
            raise BuildError(self._failure)
        return self

    def _run_build(self) -> str | None:
        """In a process of its own, so that what the compiler said can be shown with every failure."""
        code = "from weft.build import build; build(['tests'])"
        environment = {**os.environ, "PYTHONPATH": str(self.root / "cli")}
        try:
            done = subprocess.run(
                [sys.executable, "-c", code], cwd=self.root, env=environment, text=True,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=BUILD_SECONDS,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return f"the build took more than {BUILD_SECONDS} s"
        if done.returncode == 0:
            return None
        lines = [line for line in done.stdout.splitlines() if not line.startswith(("  File", "Trace"))]
        return "\n".join(["the build failed", *lines[-LAST_LINES:]])

    def copy(self, destination: Path, built: bool = True) -> None:
        """The sources (as they are, committed or not) and with `built` what was built from them, for who wants
        to change something. Times are kept, so that ninja builds only what changes."""
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=self.root, check=True, capture_output=True, text=True,
        )  # fmt: skip
        for name in filter(None, listed.stdout.split("\0")):
            if (self.root / name).is_file():
                (destination / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(self.root / name, destination / name)
        if built:
            shutil.copytree(self.root / "build", destination / "build", ignore=shutil.ignore_patterns("linux"))
        shutil.copytree(self.root / ".venv", destination / ".venv", symlinks=True, copy_function=os.symlink)
        for paths in (destination / ".venv").glob("lib/*/site-packages/weft-tree.pth"):
            text = paths.read_text()
            paths.unlink()  # the link, not ours
            paths.write_text(text.replace(str(self.root), str(destination)))

    def kernel(self, profile: str = "test") -> Path:
        """The kernel of a variant: test, bench, test-notrace, bench-notrace."""
        return self._made(f"{self.arch}/{profile}/kernel.elf")

    def image(self, name: str) -> Path:
        return self._made(f"{self.arch}/images/{name}.cpio")

    def program(self, name: str) -> Path:
        return self._made(f"{self.arch}/user/{name}.elf")

    def packed(self, name: str) -> Path:
        """A program as it goes into images, without debug information."""
        return self._made(f"{self.arch}/stripped/{name}")

    def host_test(self, name: str) -> Path:
        return self._made(f"host/tests/{name}")

    @property
    def trace_tool(self) -> Path:
        return self._made("host/weft-trace")

    @property
    def commit(self) -> str:
        argv = ["git", "-C", str(self.root), "rev-parse", "--short=12", "HEAD"]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=30)
        return done.stdout.strip() or "unknown"

    def _made(self, relative: str) -> Path:
        path = self.root / "build" / relative
        if not path.is_file():
            raise BuildError(f"the build made no build/{relative}")
        return path
