# SPDX-License-Identifier: Apache-2.0
"""A live view of a running guest: what `weft trace top` does.

    ./weft run test_busy --timeout 600      in one terminal
    ./weft trace top                        in another

It reads the rings out of the guest's memory, which the guest shares with the host anyway; the guest is
neither stopped nor asked. Each picture shows the last moments (--window) before it was taken: CPUs, the
threads that ran most, and the busiest paths of messages with their percentiles.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weft import build
from weft.failure import Failure

PROC = Path("/proc")
MEMORY = re.compile(r"mem-path=/proc/self/fd/([0-9]+)")
TOOL_SECONDS = 60
CLEAR = "\x1b[H\x1b[2J"
THREADS, PATHS = 8, 6  # how many are shown


@dataclass(frozen=True)
class RunningGuest:
    """A machine of this host: its memory, and the kernel that runs there."""

    pid: int
    memory: Path
    kernel: Path


def find_guests(proc: Path = PROC) -> list[RunningGuest]:
    """Machines that `weft` has started and whose memory can be read, the newest last."""
    found: list[tuple[int, RunningGuest]] = []
    for folder in proc.iterdir():
        if not folder.name.isdigit():
            continue
        try:
            argv = (folder / "cmdline").read_bytes().decode(errors="replace").rstrip("\0").split("\0")
            started = int((folder / "stat").read_text().rpartition(")")[2].split()[19])
        except (OSError, ValueError, IndexError):
            continue
        match = next(filter(None, map(MEMORY.search, argv)), None)
        if match is None or "-kernel" not in argv[:-1]:
            continue
        kernel = Path(argv[argv.index("-kernel") + 1])
        found.append((started, RunningGuest(int(folder.name), folder / "fd" / match[1], kernel)))
    return [guest for _, guest in sorted(found, key=lambda entry: entry[0])]


def choose(guests: list[RunningGuest], pid: int | None) -> RunningGuest:
    """The one that was asked for, or the newest. Raises Failure when there is none."""
    for guest in reversed(guests):
        if pid in (None, guest.pid):
            return guest
    if pid is not None:
        raise Failure(f"process {pid} is no machine that weft has started", code=2)
    raise Failure("no guest is running: start one, such as ./weft run test_busy --timeout 600", code=2)


def has_ended(guest: RunningGuest) -> bool:
    """Is it gone, perhaps while it was being looked at?"""
    return guest.pid not in [other.pid for other in find_guests()]


def look(guest: RunningGuest, tool: Path, window_ms: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """What weft-trace's stat and latency say of the guest's last moments."""
    with tempfile.TemporaryDirectory() as folder:
        capture = Path(folder) / "top.weft"
        _run(tool, "capture", "--ram", guest.memory, "--kernel", guest.kernel, "--last", window_ms, "-o", capture)
        return (json.loads(_run(tool, "stat", "--json", capture)),
                json.loads(_run(tool, "latency", "--json", capture)))


def _run(tool: Path, *arguments: object) -> str:
    argv = [str(tool), *map(str, arguments)]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=TOOL_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failure(f"weft-trace {arguments[0]}: {error}") from error
    if done.returncode:
        raise Failure((done.stderr.strip().splitlines() or [f"weft-trace {arguments[0]} failed"])[-1])
    return done.stdout


def picture(stat: dict[str, Any], latency: dict[str, Any]) -> str:
    """One screen of text."""
    # From the first event in the window on; names and what else is seldom are older.
    seconds = max(1, *(cpu["busy"] + cpu["idle"] for cpu in stat["cpus"])) / 1e9
    lines = [f"last {seconds * 1000:,.1f} ms of the guest's time",
             "", "cpu    busy%   irq%   switches/s   messages/s   rung/s   elided/s"]
    for cpu in stat["cpus"]:
        total = max(cpu["busy"] + cpu["idle"], 1)
        rates = [cpu[key] / seconds for key in ("switches", "messages", "doorbells_sent", "doorbells_elided")]
        lines.append(f"{cpu['cpu']:>3}  {100 * cpu['busy'] / total:>6.1f} {100 * cpu['interrupts'] / total:>6.1f}"
                     f" {rates[0]:>12,.0f} {rates[1]:>12,.0f} {rates[2]:>8,.0f} {rates[3]:>10,.0f}")
    threads = sorted((one for one in stat["threads"] if not one["idle"]),
                     key=lambda one: one["running"], reverse=True)[:THREADS]
    lines += ["", "thread  name              running%  ready%"]
    lines += [f"{one['thread']:>6}  {one['name']:<16}  {one['running'] / seconds / 1e7:>7.1f}"
              f" {one['runnable'] / seconds / 1e7:>7.1f}" for one in threads]
    paths = sorted(latency["paths"], key=lambda path: path["n"], reverse=True)[:PATHS]
    lines += ["", "client -> server (path)                        calls/s    p50 us    p99 us    max us"]
    for path in paths:
        names = f"{path['client']['name']} -> {path['server']['name']} ({path['path']})"
        times = " ".join(f"{path[key] / 1000:>9,.1f}" for key in ("p50", "p99", "max"))
        lines.append(f"{names:<44} {path['n'] / seconds:>9,.0f} {times}")
    return "\n".join(lines) + "\n"


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="weft trace top", description="Watch a running guest, at no cost to it.",
        epilog="example: weft trace top --interval 2")
    parser.add_argument("--pid", type=int, metavar="PID", help="of QEMU (default: the guest started last)")
    parser.add_argument("--interval", type=float, default=1.0, metavar="SECONDS", help="default: 1")
    parser.add_argument("--window", type=int, default=500, metavar="MS",
                        help="how much of the past a picture shows (default: 500)")
    parser.add_argument("--once", action="store_true", help="one picture, then end")
    options = parser.parse_args(arguments)
    if not 0.1 <= options.interval <= 3600:
        raise Failure("--interval must be 0.1 to 3600 seconds", code=2)
    if not 1 <= options.window <= 1_000_000:
        raise Failure("--window must be 1 to 1000000 ms", code=2)
    return options


def main(arguments: list[str]) -> int:
    """Until the guest has ended, or for one picture."""
    options = _parse(arguments)
    guest, tool = choose(find_guests(), options.pid), build.host_tool()
    build.build([tool])
    clear = CLEAR if sys.stdout.isatty() else ""
    while True:
        try:
            shown = picture(*look(guest, tool, options.window))
        except Failure:
            if not options.once and has_ended(guest):
                break
            raise
        print(clear + shown, flush=True)
        if options.once:
            return 0
        time.sleep(options.interval)
        if has_ended(guest):
            break
    print("the guest has ended")
    return 0
