# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C stops a command, also where Python would lose it."""

from __future__ import annotations

import subprocess
import sys

LOST = """
import os, signal, subprocess, sys
from weft import interrupt
signal.signal(signal.SIGINT, signal.default_int_handler)
if sys.argv[1] == "watched":
    interrupt.watch()
def at_fork():
    os.kill(os.getpid(), signal.SIGINT)
    for _ in range(1000): pass          # here KeyboardInterrupt is raised, and goes no further
os.register_at_fork(after_in_parent=at_fork)
if os.fork() == 0:
    os._exit(0)
print("went on", flush=True)
try:
    interrupt.check()
except KeyboardInterrupt:
    interrupt.check()                   # once
    sys.exit(130)
"""


def run(mode: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{LOST}", mode]
    return subprocess.run(program, capture_output=True, text=True, timeout=60)


def test_what_python_loses_at_a_fork_is_seen_at_the_next_step() -> None:
    done = run("watched")
    assert done.stdout == "went on\n" and "Exception ignored" in done.stderr and done.returncode == 130, done


def test_without_it_the_command_would_go_on() -> None:
    done = run("plain")
    assert done.stdout == "went on\n" and "Exception ignored" in done.stderr and done.returncode == 0, done
