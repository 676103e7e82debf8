# SPDX-License-Identifier: Apache-2.0
"""Install Debian packages without asking anything, or only fetch one.

`install(packages)` runs apt-get as root, or through a sudo that needs no password. Where neither
works it raises Failure with the exact line to run. `fetch(package, folder)` leaves the package's
file in a folder and installs nothing; it needs root only where there are no package lists yet. Another apt or dpkg that is running is waited
for. Package lists are fetched only when they are missing or do not fit the archive any more.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from weft.failure import Failure
from weft.steps import run_step

LOCK_SECONDS = 600
ENVIRONMENT = {"DEBIAN_FRONTEND": "noninteractive", "APT_LISTCHANGES_FRONTEND": "none"}
OPTIONS = ("-y", "--no-install-recommends", "-o", f"DPkg::Lock::Timeout={LOCK_SECONDS}")


def install(packages: Sequence[str]) -> None:
    """Install packages, or raise Failure with one line."""
    line = f"apt-get update && apt-get install -y --no-install-recommends {' '.join(packages)}"
    if not shutil.which("apt-get"):
        raise Failure(f"no apt-get here; install the equivalents of: {' '.join(packages)}")
    prefix = _privilege()
    if prefix is None:
        become_root = "sudo sh -c" if shutil.which("sudo") else "su -c"
        raise Failure(f"needs root to install packages; run this, then try again: {become_root} '{line}'")
    plan = _plan(packages)
    if plan is None:
        _update(prefix)
        plan = _plan(packages)
        if plan is None:
            raise Failure(f"this system's package archive does not have all of: {' '.join(packages)}")
    try:
        _install(prefix, packages, plan)
    except Failure:
        # Lists that are older than the archive name files that are gone: fetch them, try once more.
        _update(prefix)
        _install(prefix, packages, _plan(packages) or plan)


def dependency(package: str, pattern: str) -> str | None:
    """The first package that `package` depends on and whose whole name matches; None: not known."""
    try:
        shown = subprocess.run(["apt-cache", "depends", package], capture_output=True, text=True)
    except OSError as error:
        raise Failure(f"no apt-cache here: {error.strerror}") from error
    for line in shown.stdout.splitlines():
        kind, _, name = line.strip().partition("Depends: ")
        if kind == "" and re.fullmatch(pattern, name):
            return name
    return None


def update() -> None:
    """Fetch the package lists, or raise Failure."""
    prefix = _privilege()
    if prefix is None:
        raise Failure("needs root to fetch the package lists; run apt-get update, then try again")
    _update(prefix)


def fetch(package: str, folder: Path) -> Path:
    """Fetch a package's file into a folder and return its path; apt checks where it comes from."""
    title = f"fetching the Debian package {package}"
    run_step(title, ["apt-get", "download", "-q", package], lambda _: None, cwd=folder)
    files = sorted(folder.glob(f"{package}_*.deb"))
    if not files:
        raise Failure(f"apt-get download {package} left no file")
    return files[-1]


def _privilege() -> list[str] | None:
    """What to put before a command to be root; None if that is not possible without a question."""
    if os.geteuid() == 0:
        return []
    if not shutil.which("sudo"):
        return None
    done = subprocess.run(["sudo", "-n", "true"], capture_output=True, stdin=subprocess.DEVNULL)
    # DEBIAN_FRONTEND must reach apt-get through sudo, which clears the environment.
    settings = [f"{name}={value}" for name, value in ENVIRONMENT.items()]
    return ["sudo", "-n", "env", *settings] if done.returncode == 0 else None


def _plan(packages: Sequence[str]) -> tuple[int, int] | None:
    """How many packages will be installed and how many bytes fetched; None: apt does not know them."""
    base = ["apt-get", "--no-install-recommends", "-y", "-qq"]
    simulated = subprocess.run([*base, "-s", "install", *packages], capture_output=True, text=True)
    if simulated.returncode:
        return None
    count = sum(line.startswith("Inst ") for line in simulated.stdout.splitlines())
    listed = subprocess.run(
        [*base, "--print-uris", "install", *packages], capture_output=True, text=True
    )
    sizes = re.findall(r"^'[^']*' \S+ (\d+)", listed.stdout, re.MULTILINE)
    return count, sum(map(int, sizes))


def _update(prefix: list[str]) -> None:
    """Fetch the package lists. apt-get does not wait for their lock by itself."""
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        locked = False

        def pick(line: str) -> str | None:
            nonlocal locked
            locked = locked or "lists/lock" in line
            return line[:90] if line.startswith(("Get:", "Hit:")) else None

        try:
            run_step("apt-get update", [*prefix, "apt-get", "update"], pick, environment=ENVIRONMENT)
            return
        except Failure:
            if not locked or time.monotonic() > deadline:
                raise
            print("another apt is running; waiting for it")
            time.sleep(3)  # there is no event to wait for: apt offers the lock and nothing else


def _install(prefix: list[str], packages: Sequence[str], plan: tuple[int, int]) -> None:
    count, size = plan
    title = f"installing {count} Debian packages ({size / 1e6:.0f} MB to fetch)"
    command = [*prefix, "apt-get", "install", *OPTIONS, *packages]
    run_step(title, command, _pick(count), environment=ENVIRONMENT)


def _pick(count: int) -> Callable[[str], str | None]:
    """Counts what apt-get does: each package is fetched, unpacked and set up."""
    done = {"Get:": 0, "Unpacking ": 0, "Setting up ": 0}
    names = {"Get:": "fetched", "Unpacking ": "unpacked", "Setting up ": "set up"}

    def pick(line: str) -> str | None:
        for start, name in names.items():
            if line.startswith(start):
                done[start] += 1
                words = line.removeprefix(start).split()
                package = words[4] if start == "Get:" and len(words) > 4 else words[0]
                return f"{name} {done[start]}/{count} {package}"
        return "waiting for another apt" if line.startswith("Waiting for cache lock") else None

    return pick
