# SPDX-License-Identifier: Apache-2.0
"""`weft run --trigger`: captures of real guests at the moment that matters."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import weft.trace
from weft.flight import Recorder, read_triggers
from weft.machine_config import UsageError
from weft.outcome import Outcome

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 120


def command(out: Path, *arguments: str) -> list[str]:
    return [sys.executable, str(ROOT / "weft"), "run", "--accel", "tcg", "--cpus", "2", "--out", str(out), *arguments]


def run(out: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(out, *arguments), capture_output=True, text=True, timeout=SECONDS)


def trace(*arguments: object) -> str:
    done = subprocess.run([sys.executable, str(ROOT / "weft"), "trace", *map(str, arguments)],
                          capture_output=True, text=True, timeout=SECONDS)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def assert_good(out: Path, number: int, trigger: str) -> dict[str, object]:
    """The capture of that number holds together, says why it was taken, and has its timeline."""
    capture = out / f"trace.{number}.weft"
    assert "0 violations" in trace("check", capture)
    metadata = weft.trace.load(capture).metadata
    assert metadata["trigger"] == trigger and metadata["accel"] == "tcg"
    assert (out / f"trace.{number}.pftrace").stat().st_size > 4096
    return metadata


def test_a_program_s_event_takes_a_capture_and_the_guest_goes_on(tmp_path: Path) -> None:
    done = run(tmp_path, "--trigger", "user:mark", "--trigger-limit", "1", "test_trace_events")
    assert done.returncode == 0, done.stdout + done.stderr
    at = assert_good(tmp_path, 1, "user:mark")["trigger_ns"]
    assert f"weft: trigger user:mark at {at} ns: {tmp_path / 'trace.1.weft'}" in done.stdout
    marks = [event for event in weft.trace.load(tmp_path / "trace.1.weft")
             if event.name == "user_instant" and event.time == at]  # fmt: skip
    assert len(marks) == 1
    assert "0 violations" in trace("check", tmp_path / "trace.weft") and not (tmp_path / "trace.2.weft").exists()


def test_a_slow_call_takes_a_capture_that_has_it_and_may_end_the_guest(tmp_path: Path) -> None:
    done = run(tmp_path, "--trigger", "latency:1ms", "--trigger-stop", "--timeout", "60", "test_busy")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ended at the trigger latency:1ms" in done.stdout
    at = assert_good(tmp_path, 1, "latency:1ms")["trigger_ns"]
    ends = [row["start"] + row["total"] for row in map(dict, slowest(tmp_path / "trace.1.weft"))]
    assert at in ends


def slowest(capture: Path) -> list[dict[str, int]]:
    import json

    return json.loads(trace("latency", "--json", "--slowest", 1000, capture))["slowest"]


def test_a_signal_takes_a_capture_each_time(tmp_path: Path) -> None:
    process = subprocess.Popen(command(tmp_path, "--trigger", "signal", "--timeout", "60", "test_busy"),
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert process.stdout is not None
        taken = 0
        for line in process.stdout:
            if line == "busy\n" or (line.startswith("weft: trigger signal at ") and taken < 2):
                taken += line != "busy\n"
                process.send_signal(signal.SIGUSR1 if taken < 2 else signal.SIGINT)
        assert process.wait(SECONDS) == 130 and taken == 2
    finally:
        process.kill()
        process.wait()
    times = [assert_good(tmp_path, number, "signal")["trigger_ns"] for number in (1, 2)]
    assert times == sorted(times)


def test_the_end_by_timeout_takes_a_capture_and_an_old_one_goes(tmp_path: Path) -> None:
    (tmp_path / "trace.7.weft").write_text("of another run")
    done = run(tmp_path, "--trigger", "timeout", "--trigger", "panic", "--timeout", "3", "test_busy")
    assert done.returncode == 1 and f"weft: trigger timeout: {tmp_path / 'trace.1.weft'}" in done.stdout
    assert_good(tmp_path, 1, "timeout")
    assert sorted(path.name for path in tmp_path.glob("trace.*")) == [
        "trace.1.pftrace", "trace.1.weft", "trace.pftrace", "trace.weft"]  # fmt: skip


def test_a_panic_takes_a_capture(tmp_path: Path) -> None:
    done = run(tmp_path, "--trigger", "panic", "--append", "trace_ring=x")
    assert done.returncode == 1 and "PANIC" in done.stdout
    assert "no trace" in done.stderr  # it panicked before its trace was set up
    manifest = tmp_path / "bad.manifest"
    manifest.write_text("nonsense\n")
    done = run(tmp_path, "--trigger", "panic", str(manifest))
    if "PANIC" in done.stdout:
        assert_good(tmp_path, 1, "panic")


@pytest.mark.parametrize(("panic", "word"), [
    ("weft: PANIC: assertion failed: x > 0 (a.c:7)", "assertion"), ("weft: PANIC: assertion failed: x", "panic"),
    ("weft: PANIC: out of patience", "panic"), ("weft: PANIC: out of patience", None),
])  # fmt: skip
def test_an_assertion_is_a_panic_of_its_kind(tmp_path: Path, panic: str, word: str | None) -> None:
    captured: list[tuple[Path, str]] = []
    machine = SimpleNamespace(
        panic=panic, outcome=Outcome("panic", "the kernel panicked", 1.0), metadata=lambda extra: {},
        capture=lambda path, tool, extra, trigger: captured.append((path, trigger)))  # fmt: skip
    triggers = read_triggers([word or "assertion", "timeout"], "5", False)
    assert triggers is not None
    recorder = Recorder(machine, Path("tool"), tmp_path / "trace.weft", triggers, {})  # type: ignore[arg-type]
    taken = [(capture.path, capture.trigger) for capture in recorder.finish()]
    assert taken == captured == ([(tmp_path / "trace.1.weft", word)] if word else [])


@pytest.mark.parametrize("words", [["user"], ["user:"], ["latency:50"], ["latency:fast"], ["always"], [""]])
def test_a_trigger_that_cannot_be_is_refused(words: list[str]) -> None:
    with pytest.raises(UsageError, match="unknown trigger"):
        read_triggers(words, "5", False)


def test_once_keeps_the_first_events_and_shows_what_is_missing(tmp_path: Path) -> None:
    done = run(tmp_path, "--capture", "once", "--append", "trace_ring=65536", "--timeout", "3", "test_busy")
    assert done.returncode == 1 and "timeout" in done.stdout
    assert ", 0 violations" in trace("check", tmp_path / "trace.weft")
    capture = weft.trace.load(tmp_path / "trace.weft")
    for cpu in range(2):
        records = capture.events(cpu)
        pages = records["a"][records["id"] == weft.trace.EVENT_ID["page"]]
        assert list(pages[:16]) == list(range(16)) and len(pages) == 17 and pages[16] > 16
    assert capture.metadata["command_line"].startswith("trace_once=1 ")
