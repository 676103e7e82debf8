#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A stand-in for QEMU: takes the same arguments, does what the kernel command line says.

    -append "say=hello exit=33"      words are done in order, see ACTIONS

It finds the console, the monitor and the memory in its arguments as QEMU does, so tests of the
harness can have a machine that hangs, dies, talks nonsense or ignores its monitor, at once and on
any host.
"""

import json
import os
import re
import signal
import socket
import sys

ARGUMENTS = " ".join(sys.argv)


def descriptor(pattern: str) -> int:
    match = re.search(pattern, ARGUMENTS)
    assert match is not None, ARGUMENTS
    return int(match[1])


CONSOLE = descriptor(r"id=console,path=/proc/self/fd/(\d+)")
MONITOR = socket.socket(fileno=descriptor(r"id=qmp,fd=(\d+)"))
MEMORY = descriptor(r"mem-path=/proc/self/fd/(\d+)")


def say(text: str) -> None:
    os.write(CONSOLE, text.replace("_", " ").encode() + b"\n")


def write_raw(text: str) -> None:
    os.write(CONSOLE, text.encode())


def fill_memory(text: str) -> None:
    os.pwrite(MEMORY, text.encode(), 0x1000)


def serve_monitor(_: str) -> None:
    """Greets and answers until the monitor is closed or told to quit."""
    status = "running"
    MONITOR.sendall(b'{"QMP": {"version": {}, "capabilities": []}}\r\n')
    for line in MONITOR.makefile("r"):
        request = json.loads(line)
        if request["execute"] == "stop":
            status = "paused"
            MONITOR.sendall(b'{"event": "STOP", "timestamp": {}}\r\n')
        if request["execute"] == "cont":
            status = "running"
        answers = {"query-status": {"status": status}}
        if request["execute"] in ("qmp_capabilities", "stop", "cont", *answers):
            reply = {"return": answers.get(request["execute"], {}), "id": request["id"]}
        else:
            reply = {"error": {"class": "CommandNotFound", "desc": "no such command"}, "id": request["id"]}
        MONITOR.sendall(json.dumps(reply).encode() + b"\r\n")


def garble_monitor(_: str) -> None:
    MONITOR.sendall(b"this is not QMP\r\n")
    hang("")


def hang(_: str) -> None:
    while True:
        signal.pause()


def ignore_signals(_: str) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


ACTIONS = {
    "say": say,  # a line; underscores become spaces
    "raw": write_raw,
    "memory": fill_memory,
    "qmp": serve_monitor,
    "garbage": garble_monitor,
    "hang": hang,
    "stubborn": ignore_signals,
    "stderr": lambda text: print(text.replace("_", " "), file=sys.stderr, flush=True),
    "exit": lambda code: sys.exit(int(code)),
    "kill": lambda number: os.kill(os.getpid(), int(number)),
}

for word in sys.argv[sys.argv.index("-append") + 1].split():
    action, _, value = word.partition("=")
    ACTIONS[action](value)
