# SPDX-License-Identifier: Apache-2.0
"""`weft run --terminal`: what is shown where both ports meet, what keys do, and what a manifest wants from QEMU."""

from __future__ import annotations

import contextlib
import os
import pty
import selectors
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from weft import build, run
from weft.failure import Failure
from weft.image import write_image
from weft.paths import ROOT
from weft.terminal import Row
from weft.wire import Wire


def test_a_row_is_what_it_looks_like_in_the_end() -> None:
    row = Row()
    assert row.feed(b"one\r\ntwo\r") == [b"one"]
    assert row.feed(b"\n? abx\b \bc\r\x1b[Kthree\r\n? abc") == [b"two", b"three"]
    assert row.bytes == b"? abc"
    assert row.feed(b"\b \bd\r\n") == [b"? abd"]


def test_what_is_typed_waits_for_the_guest() -> None:
    with selectors.DefaultSelector() as selector, contextlib.ExitStack() as stack:

        def pump(_: float = 0.0) -> bool:
            ready = selector.select(0)
            for key, _ in ready:
                key.data()
            return bool(ready)

        wire = stack.enter_context(Wire(selector, None, pump))
        wire.qemus.setblocking(False)
        wire.send(b"early")
        pump()
        with pytest.raises(BlockingIOError):
            wire.qemus.recv(10)
        wire.qemus.send(b"weft\r")
        pump()
        assert wire.qemus.recv(10) == b"early"
        assert wire.shown == "weft"
        wire.qemus.send(b"\n\xc3")
        pump()
        wire.qemus.send(b"\xa4 gone\r\x1b[")
        pump()
        wire.qemus.send(b"Kback")
        pump()
        assert wire.shown == "weft\nä goneback"
        # More than the socket holds waits here, and goes as the other side reads.
        sent, told = b"x" * (1 << 20), []
        wire.send(sent)
        wire.when_sent(lambda: told.append(True))
        assert wire.unsent > 0 and not told
        came = b""
        while len(came) < len(sent):
            came += wire.qemus.recv(1 << 16)
            pump()
        assert came == sent and told == [True] and wire.unsent == 0
        assert wire.wait_for("back", 0)[0] == "back"
        with pytest.raises(TimeoutError):
            wire.wait_for("front", 0)
        wire.qemus.close()
        with pytest.raises(EOFError):
            wire.wait_for("front", 0)


def test_a_manifest_wants_options(tmp_path: Path) -> None:
    manifest = tmp_path / "some.manifest"
    manifest.write_text("# weft-run: --terminal --cpus 2\nprocess a program=a\n  # weft-run: --append 'b c'\n")
    wanted = ["--terminal", "--cpus", "2", "--append", "b c"]
    assert run.wishes_of(str(manifest)) == wanted
    image = tmp_path / "some.cpio"
    write_image(image, [("init", manifest), ("manifest", manifest)])
    assert run.wishes_of(str(image)) == wanted
    assert run.wishes_of("selftest") == []
    assert "--terminal" in run.wishes_of("demo")
    assert run.wishes_of("no such program") == []
    manifest.write_text("# weft-run: 'never ends\n")
    with pytest.raises(Failure, match="No closing quotation"):
        run.wishes_of(str(manifest))
    image.write_bytes(b"no image")
    with pytest.raises(Failure, match="no boot image"):
        run.wishes_of(str(image))


@pytest.mark.parametrize("program", [path.stem for path in (ROOT / "userspace/apps").glob("*.manifest")])
def test_programs_want_the_devices_that_their_drivers_drive(program: str) -> None:
    """So that `./weft run NAME` needs no options."""
    manifest = (ROOT / "userspace/apps" / f"{program}.manifest").read_text()
    devices = {"virtio_gpu": "--display", "virtio_blk": "--disk", "virtio_net": "--net", "uart": "--terminal"}
    for driver, option in devices.items():
        assert (f"program={driver} " in manifest) == (option in run.wishes_of(program)), driver


def test_a_wrong_wish_is_one_line(weft: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path) -> None:
    manifest = tmp_path / "some.manifest"
    manifest.write_text("# weft-run: --nonsense\nprocess a program=selftest\n")
    done = weft("run", manifest)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "--nonsense" in done.stderr
    done = weft("run", "--disk-size", "1M")
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "--disk" in done.stderr


def test_an_image_that_lacks_a_program_says_which(monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
                                                  tree: object) -> None:  # fmt: skip
    targets = {str(build.packed(name)) for name in ("init", "pci", "shell")} | {"images/selftest.cpio"}

    def nothing_makes(_: object) -> None:
        raise build.UnknownTarget("images/x.cpio", targets)

    monkeypatch.setattr(build, "build", nothing_makes)
    request = SimpleNamespace(program="demo", out=tmp_path, profile="test", trace=True, design="mailbox")
    monkeypatch.setattr(build, "kernel", lambda *_: tmp_path)
    with pytest.raises(Failure, match=r"demo needs iommu, .*fs, .*\./weft setup"):
        run._build(request)
    request.program = "nonsense"
    with pytest.raises(Failure, match=r"no program 'nonsense' \(have: selftest\)"):
        run._build(request)


@pytest.mark.parametrize(
    ("program", "said"),
    [("fs", r"my\.manifest needs fs, which is not built as its source is missing: \./weft setup fetches it"),
     ("absent", r"my\.manifest: there is no program absent")],
)  # fmt: skip
def test_a_manifest_file_that_lacks_a_program_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tree: object,
                                                       program: str, said: str) -> None:  # fmt: skip
    def nothing_makes(_: object) -> None:
        raise build.UnknownTarget(f"build/x86_64/stripped/{program}", set())

    monkeypatch.setattr(build, "build", nothing_makes)
    monkeypatch.setattr(build, "kernel", lambda *_: tmp_path)
    (tmp_path / "my.manifest").write_text(f"service a program={program}\n")
    request = SimpleNamespace(program=str(tmp_path / "my.manifest"), out=tmp_path, profile="test", trace=True,
                              design="mailbox")  # fmt: skip
    with pytest.raises(Failure, match=said):
        run._build(request)


@pytest.mark.parametrize("closed", [True, False], ids=["closed", "empty"])
def test_without_input_it_ends_at_the_first_prompt(tree: object, pytestconfig: pytest.Config, tmp_path: Path,
                                                   closed: bool) -> None:  # fmt: skip
    argv = [sys.executable, str(pytestconfig.rootpath / "weft"), "run", "demo", "--out", str(tmp_path), "--accel",
            "tcg", "--disk", str(tmp_path / "demo.img"), "--timeout", "100"]  # fmt: skip
    if closed:
        argv = ["sh", "-c", 'exec "$@" <&-', "sh", *argv]
    done = subprocess.run(argv, cwd=pytestconfig.rootpath, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=200)  # fmt: skip
    assert done.returncode == 0 and "weft> \nhalt\n" in done.stdout, done.stdout + done.stderr


def read_until(master: int, wanted: bytes, seconds: float = 60.0) -> bytes:
    seen, deadline = b"", time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        selector.register(master, selectors.EVENT_READ)
        while wanted not in seen:
            assert selector.select(max(0.0, deadline - time.monotonic())), seen[-2000:]
            seen += os.read(master, 1 << 16)
    return seen


def test_at_a_real_terminal_each_key_goes_to_the_guest(tree: object, pytestconfig: pytest.Config,
                                                       tmp_path: Path) -> None:  # fmt: skip
    master, slave = pty.openpty()
    argv = [sys.executable, str(pytestconfig.rootpath / "weft"), "run", "demo", "--out", str(tmp_path), "--accel",
            "tcg", "--disk", str(tmp_path / "demo.img"), "--timeout", "100"]  # fmt: skip
    process = subprocess.Popen(argv, cwd=pytestconfig.rootpath, stdin=slave, stdout=slave, stderr=slave,
                               start_new_session=True)  # fmt: skip
    os.close(slave)
    try:
        read_until(master, b"weft> ")
        os.write(master, b"ecko\x7f\x7fho wrong\x15echo hello\r")  # mended with backspace, given up with ^U
        read_until(master, b"\nhello\r\nweft> ")
        os.write(master, b"\x1b[A")  # the line before
        read_until(master, b"echo hello")
        os.write(master, b" again\r")
        read_until(master, b"hello again\r\nweft> ")
        os.write(master, b"half a line\x03")  # ^C is the guest's, and gives the line up
        read_until(master, b"^C\r\nweft> ")
        os.write(master, b"kill rtc\r")  # init's line stands above the prompt, which comes again
        read_until(master, b"init: service rtc: killed; start 2 in 1 ms\r\n")
        os.write(master, b"\x01x")  # ^A x
        assert b"ended by ^A x" in read_until(master, b"timeline in")
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
        os.close(master)


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_the_terminal_as_it_was(ending: signal.Signals) -> None:
    """The keys are the guest's meanwhile; who kills the command finds a terminal that shows what is typed."""
    master, slave = pty.openpty()
    program = "import time\nfrom weft.terminal import Terminal\nwith Terminal():\n    time.sleep(60)"
    before = termios.tcgetattr(slave)
    process = subprocess.Popen([sys.executable, "-c", program], stdin=slave, stdout=slave, start_new_session=True)
    try:
        read_until(master, b"ends the machine")
        assert termios.tcgetattr(slave)[3] & termios.ECHO == 0
        process.send_signal(ending)
        assert process.wait(60) == -ending
        assert termios.tcgetattr(slave) == before
    finally:
        process.kill()
        process.wait()
        os.close(slave)
        os.close(master)
