# SPDX-License-Identifier: Apache-2.0
"""The image `demo` and its shell, used as a person uses them: `./weft run demo`, with a pipe for the keyboard."""

from __future__ import annotations

import os
import re
import selectors
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

SECONDS = 60
PROMPT = "weft> "
OF_SERVICES = re.compile(r"init: (service|process) |\[ *\d+\.\d+\] "
                         r"|(iommu|pci|disk|random|fs|console|keyboard|display|compositor|scope|panel|ethernet|net|http): (?!\d+ cap)")
ACCEL = "icount"  # QEMU 7.2 may crash in tcg mode when devices are reset beside other CPUs (docs/drivers.md)


class User:
    """Types, and waits for what is shown, as expect does: each wait begins behind the one before."""

    def __init__(self, root: Path, *options: str) -> None:
        argv = [sys.executable, str(root / "weft"), "run", "demo", *options]
        self.process = subprocess.Popen(argv, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, start_new_session=True)  # fmt: skip
        assert self.process.stdin and self.process.stdout
        self._in, self._out = self.process.stdin, self.process.stdout
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._out, selectors.EVENT_READ)
        self.seen, self._at = "", 0

    def close(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._selector.close()
        self._in.close()
        self._out.close()

    def _read(self, deadline: float) -> bool:
        if not self._selector.select(max(0.0, deadline - time.monotonic())):
            pytest.fail(f"nothing more came; the last that did:\n{self.seen[-2000:]}")
        data = os.read(self._out.fileno(), 1 << 16)
        self.seen += data.decode(errors="replace")
        return bool(data)

    def wait_for(self, pattern: str) -> re.Match[str]:
        """A pattern within whole lines."""
        expression, deadline = re.compile(pattern, re.MULTILINE), time.monotonic() + SECONDS
        while (match := expression.search(self.seen, self._at, self.seen.rfind("\n") + 1)) is None:
            if not self._read(deadline):
                pytest.fail(f"it ended without /{pattern}/; the last lines:\n{self.seen[-2000:]}")
        self._at = match.end()
        return match

    def type(self, line: str) -> None:
        self._in.write(line.encode() + b"\n")
        self._in.flush()

    def ask(self, line: str) -> list[str]:
        """Types a line and returns what comes of it, up to an echo that is typed behind it; but for what init says
        of services meanwhile, and they of themselves."""
        self.type(line)
        self.type("echo = done =")
        self.wait_for(rf"^{PROMPT}{re.escape(line)}$")
        start = self._at
        match = self.wait_for(rf"^{PROMPT}echo = done =$")
        self.wait_for(r"^= done =$")
        lines = self.seen[start : match.start()].strip("\n").splitlines()
        return [line for line in lines if not OF_SERVICES.match(line)]

    def end(self) -> int:
        self._in.close()
        deadline = time.monotonic() + SECONDS
        while self._read(deadline):
            pass
        return self.process.wait(SECONDS)


@pytest.fixture
def demo(tree: object, pytestconfig: pytest.Config, tmp_path: Path) -> Iterator[Callable[..., User]]:
    users: list[User] = []

    def start(*options: str) -> User:
        files = ["--out", str(tmp_path), "--disk", str(tmp_path / "demo.img"), "--accel", ACCEL, "--timeout", "100"]
        users.append(User(pytestconfig.rootpath, *files, *options))
        return users[-1]

    yield start
    for user in users:
        user.close()


def table(lines: list[str]) -> dict[str, list[str]]:
    """Rows of a list by their first word."""
    return {line.split()[0]: line.split()[1:] for line in lines if line}


def test_it_boots_to_a_prompt_and_says_what_there_is(demo: Callable[..., User]) -> None:
    user = demo()
    assert int(user.wait_for(r"^Weft on 4 CPUs, ready after (\d+) ms")[1]) < 5000
    commands = table(user.ask("help"))
    assert {"ps", "services", "caps", "run", "kill", "restart", "stop", "start", "halt"} <= commands.keys()
    assert [line.split()[0] for line in user.ask("help kill")] == ["kill"]
    assert user.ask("help nonsense") == ["there is no command nonsense"]
    assert user.ask("echo one  two") == ["one  two"]
    assert user.ask("nonsense") == ["there is no command nonsense (try help)"]
    assert user.ask("kill") == ["usage: kill NAME"]
    assert user.ask("kill nobody") == ["nobody: there is nothing of this name"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", user.ask("date")[0])
    assert re.fullmatch(r"up for \d+\.\d{3} s on 4 CPUs", user.ask("uptime")[0])
    assert re.match(r"free \d+ MiB; given to processes \d+ KiB", user.ask("mem")[0])
    assert user.end() == 0


def test_every_part_prints_what_it_was_given(demo: Callable[..., User]) -> None:
    user = demo()
    processes = table(user.ask("ps"))
    del processes["NAME"]
    lines = user.ask("caps")
    parts = {line.split(":")[0] for line in lines if re.match(r"\S+: \d+ capabilities$", line)}
    assert parts == processes.keys()
    assert lines[-1].startswith("init: ")
    console = user.ask("caps console")
    assert console[0] == "console: 8 capabilities"
    given = {line.split()[0]: " ".join(line.split()[1:]) for line in console[1:]}
    assert given["ports"] == "ports rw--- 0x2f8 to 0x2ff"
    assert given["interrupts"] == "interrupts rw--- 0x3 to 0x3"
    assert given["terminal"] == "endpoint r---- receives here"
    assert "calls rtc as" in "\n".join(user.ask("caps shell"))
    assert user.ask("caps nobody") == ["nobody: there is nothing of this name"]
    assert user.end() == 0


def wait_for_start(user: User, service: str, start: int) -> list[str]:
    """Asks until the service runs in this instance; the machine's time limit ends it."""
    while True:
        row = table(user.ask("services"))[service]
        if row[0] == "running" and int(row[1]) >= start:
            return row


@pytest.mark.parametrize("options", [(), ("--iommu",)], ids=["plain", "iommu"])
def test_each_service_is_killed_and_comes_back(demo: Callable[..., User], options: tuple[str, ...]) -> None:
    user = demo(*options)
    services = [name for name in table(user.ask("services")) if name != "SERVICE"]
    assert {"iommu", "pci", "disk", "fs", "random", "rtc", "console", "keyboard", "shell"} <= set(services)
    for service in services:
        before = int(table(user.ask("services"))[service][1])
        user.ask(f"kill {service}")
        row = wait_for_start(user, service, before + 1)
        assert row[-1] == "killed" or int(row[1]) > before + 1  # its end is that of the bus: it started twice
    assert re.search(r"^shell: instance 2$", user.seen, re.MULTILINE)
    assert re.fullmatch(r"\d{4}-.* UTC", user.ask("date")[0])
    assert user.end() == 0


def test_services_are_restarted_stopped_and_started(demo: Callable[..., User]) -> None:
    user = demo()
    user.ask("restart rtc")
    assert wait_for_start(user, "rtc", 2)[2] == "0"  # which is no failure
    assert user.ask("start rtc") == ["rtc: it is not in a state for this (see ps)"]
    assert user.ask("run rtc") == ["rtc: it is a service (try start)"]
    assert user.ask("restart spin") == ["spin: it is a program (try run and kill)"]
    assert user.ask("kill weave") == ["weave: it began with the machine, and ends with it"]
    user.type("stop rtc")
    user.wait_for(r"^init: service rtc is stopped")
    assert user.ask("date") == ["date: the service has ended, or is given up"]
    assert user.ask("stop rtc") == ["rtc: it is not in a state for this (see ps)"]
    assert table(user.ask("services"))["rtc"][0] == "ended"
    user.ask("start rtc")
    wait_for_start(user, "rtc", 3)
    assert re.fullmatch(r"\d{4}-.* UTC", user.ask("date")[0])
    assert user.end() == 0


def test_files_are_kept(demo: Callable[..., User]) -> None:
    user = demo()
    assert user.ask("ls") == []
    assert user.ask("write /note one  two") == []
    assert user.ask("append /note three") == []
    assert user.ask("cat /note") == ["one  two", "three"]
    assert user.ask("mkdir /dir") == []
    assert user.ask("mv /note /dir/note") == []
    assert [line.split() for line in user.ask("ls")] == [["dir/"]]
    assert [line.split() for line in user.ask("ls /dir")] == [["15", "note"]]
    assert len(user.ask("cat /note")) == 1
    assert user.ask("rm /dir")[0].startswith("/dir: ")
    for service in ("fs", "disk", "pci", "iommu", "shell"):
        user.ask(f"kill {service}")
        assert user.ask("cat /dir/note") == ["one  two", "three"]
    assert re.fullmatch(r"65536 KiB, of which \d+ KiB are used, in blocks of \d+ KiB", user.ask("df")[0])
    assert user.end() == 0
    user = demo()  # the next machine has the same disk
    assert user.ask("cat /dir/note") == ["one  two", "three"]
    assert user.ask("rm /dir/note") == []
    assert user.ask("rm /dir") == []
    assert user.ask("ls") == []
    assert user.end() == 0


def test_the_host_gets_a_file_of_the_disk(demo: Callable[..., User]) -> None:
    user = demo()
    port = user.wait_for(r"^weft: 127\.0\.0\.1:(\d+) is port 80 of the guest$")[1]
    assert user.ask("write /note one  two") == []
    wait_for_start(user, "http", 1)
    for service in ("http", "fs", "ethernet", "disk"):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/note", timeout=SECONDS) as answer:
            assert answer.read() == b"one  two\n"
        user.ask(f"kill {service}")
        wait_for_start(user, service, 2)
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/nothing", timeout=SECONDS)
    assert user.end() == 0


def test_programs_are_run_waited_for_and_interrupted(demo: Callable[..., User]) -> None:
    user = demo()
    assert "    selftest" in user.ask("run")
    assert user.ask("run nonsense") == ["nonsense: there is nothing of this name"]
    assert "# Totals: pass:5 fail:0 skip:0" in user.ask("run selftest")
    assert table(user.ask("ps"))["selftest"][-2:] == ["exit", "0"]
    user.type("run spin")
    user.wait_for(r"^spin: until I am killed$")
    user.type("\x03")
    user.wait_for(r"^spin: killed$")
    user.type("run spin twice &")
    user.wait_for(r"^spin: until I am killed, twice$")
    assert user.ask("run spin") == ["spin: it runs already"]
    user.ask("kill spin")
    while table(user.ask("ps"))["spin"][1] != "ended":
        pass
    assert table(user.ask("ps"))["spin"][-1] == "killed"
    assert user.end() == 0


def test_the_trace_is_switched(demo: Callable[..., User]) -> None:
    user = demo()
    assert user.ask("trace off") == ["traced on all CPUs: nothing"]
    assert user.ask("trace sched,ipc") == ["traced on all CPUs: sched ipc"]
    assert user.ask("trace +irq") == ["traced on all CPUs: sched ipc irq"]
    assert user.ask("trace -ipc,sched") == ["traced on all CPUs: irq"]
    assert user.ask("trace nonsense") == ["trace: there is no category nonsense"]
    assert "sched" in user.ask("trace on")[0]
    assert user.end() == 0
    user = demo("--no-trace")
    assert user.ask("trace all") == ["trace: this kernel was built without it"]
    assert user.end() == 0
