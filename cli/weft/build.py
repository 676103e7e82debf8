# SPDX-License-Identifier: Apache-2.0
"""Build the tree with configure.py and ninja, and know where the results are.

    build()                      everything that runs
    build([host_tool()])         some files only; UnknownTarget if the tree does not make one
    kernel("bench", trace=False), program("init"), image("selftest"), host_tool()   their paths

configure.py runs every time: it takes a tenth of a second and so no change of the tree is missed.
A lock keeps two builds of the same tree from running at once; the second waits. After `build()`
without an exception the files are up to date.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from weft.failure import Failure
from weft.paths import BUILD, ROOT
from weft.variants import DESIGN, DESIGNS, PROFILES, Variant

ARCH = "x86_64"
PATIENCE = 5.0  # seconds of building in silence


class UnknownTarget(Failure):
    """Asked for a file that the tree does not make. `targets` are all that it makes."""

    def __init__(self, target: str, targets: set[str]) -> None:
        super().__init__(f"nothing makes {target}", code=2)
        self.target = target
        self.targets = targets


def variant(profile: str, trace: bool = True, design: str = DESIGN) -> str:
    """The name of a kernel's build: `test`, `bench-notrace`, `test-lock`, ..."""
    if profile not in PROFILES:
        raise Failure(f"unknown profile {profile!r} (have: {', '.join(PROFILES)})", code=2)
    if design not in DESIGNS:
        raise Failure(f"unknown design {design!r} (have: {', '.join(DESIGNS)})", code=2)
    return Variant(profile, trace, design).name


def kernel(profile: str = "test", trace: bool = True, design: str = DESIGN, arch: str = ARCH) -> Path:
    return BUILD / arch / variant(profile, trace, design) / "kernel.elf"


def program(name: str, arch: str = ARCH) -> Path:
    return BUILD / arch / "user" / f"{name}.elf"


def image(name: str, arch: str = ARCH) -> Path:
    return BUILD / arch / "images" / f"{name}.cpio"


def packed(name: str, arch: str = ARCH) -> Path:
    """A program as it goes into images: without symbols."""
    return BUILD / arch / "stripped" / name


def host_tool(sanitized: bool = False) -> Path:
    return BUILD / "host" / ("weft-trace-asan" if sanitized else "weft-trace")


def linux_baseline() -> Path:
    """The program that is /init of the Linux that benchmarks compare with."""
    return BUILD / "host" / "linux-baseline"


def build(targets: Sequence[Path | str] = (), quiet: bool = True) -> None:
    """Bring targets (paths, or names that build.ninja knows) up to date; none: all that runs.

    With `quiet` only a failure is shown, and that it takes a while when it does. Raises Failure when something does not build.
    """
    names = [_name(target) for target in targets]
    with _locked():
        _run([sys.executable, str(ROOT / "configure.py")], "configure.py failed", quiet)
        known = _targets()
        unknown = [name for name in names if name not in known]
        if unknown:
            raise UnknownTarget(unknown[0], known)
        with _telling_after(PATIENCE, "weft: building") if quiet else contextlib.nullcontext():
            _run(["ninja", "-C", str(ROOT), *(["--quiet"] if quiet else []), *names], "the build failed", quiet)


def _targets() -> set[str]:
    """Everything that build.ninja can make."""
    text = (ROOT / "build.ninja").read_text(encoding="utf-8")
    outputs = re.findall(r"^build ([^:]+):", text, re.MULTILINE)
    return {name for line in outputs for name in line.split()}


def _name(target: Path | str) -> str:
    if isinstance(target, Path) and target.is_absolute():
        return target.relative_to(ROOT).as_posix()
    return str(target)


def _run(command: Sequence[str], failure: str, hold: bool = False) -> None:
    """Run a command; with `hold` its output is shown only if it fails."""
    into = subprocess.PIPE if hold else None
    try:
        done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=into, text=True)
    except OSError as error:
        raise Failure(f"cannot run {command[0]}: {error.strerror} (./weft setup installs it)") from error
    if done.returncode:
        print(done.stdout or "", end="", flush=True)
        raise Failure(failure)


@contextlib.contextmanager
def _telling_after(seconds: float, line: str) -> Iterator[None]:
    """Says it on stderr if what is inside takes longer."""
    timer = threading.Timer(seconds, lambda: print(line, file=sys.stderr, flush=True))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextlib.contextmanager
def _locked() -> Iterator[None]:
    """Holds build/.lock. Processes only: it says nothing about threads."""
    BUILD.mkdir(exist_ok=True)
    descriptor = os.open(BUILD / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("weft: another build is running; waiting for it", file=sys.stderr)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
