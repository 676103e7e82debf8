# SPDX-License-Identifier: Apache-2.0
"""The command line: whatever is asked wrongly is refused in one line, with exit code 2."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 120

BAD = [
    "bogus",
    "run --cpus 0",
    "run --cpus 256",
    "run --cpus -1",
    "run --cpus=-1",
    "run --cpus abc",
    "run --cpus 4.5",
    "run --cpus 4_0",
    "run --cpus 99999999999999999999999",
    "run --mem 0",
    "run --mem 63M",
    "run --mem abc",
    "run --mem -1G",
    "run --mem 1000T",
    "run --mem 100000001K",
    "run --accel warp",
    "run --profile fast",
    "run --cpu ;reboot",
    "run --timeout 0",
    "run --timeout nan",
    "run --timeout soon",
    "run --seed -1",
    "run --seed x",
    "run --append a\nb",
    "run --capture film",
    "run --capture stream --no-trace",
    "run --device edu --device ;reboot",
    "run --disk absent.img",
    "run --disk tests",
    "run --disk LICENSE",
    "run --disk out/test/none.img --disk-size 0",
    "run --disk out/test/none.img --disk-size 99999999T",
    "run --timeout 1e12",
    "run --timeout inf",
    "run --disk-iops -1",
    "run --disk-iops x",
    "run --display",
    "run --display paper",
    "run --screenshot shot.jpg",
    "run --screenshot absent/shot.png",
    "run --screenshot shot.png --after 0",
    "run --screenshot shot.png --after nan",
    "run --screenshot shot.png --after soon",
    "run --screenshot shot.png --reboots 1",
    "run --after 5",
    "run --reboots -1",
    "run --reboots 1001",
    "run --reboots x",
    "run --reboots 1 --gdb",
    "run --trigger always",
    "run --trigger latency:50",
    "run --trigger panic --capture stream",
    "run --trigger panic --no-trace",
    "run --trigger panic --trigger-limit 0",
    "run --trigger panic --trigger-limit x",
    "run --trigger-stop",
    "run absent.manifest",
    "run ./absent",
    "run --out /dev/null/x",
    "run --bogus",
    "run one two",
    "fuzz-trace --inputs 0",
    "fuzz-trace --inputs many",
    "fuzz-trace --input absent",
    "fuzz-trace --seed 0",
    "fuzz-trace --jobs 0",
    "fuzz-trace --timeout 0",
    "fuzz-trace --failures 0",
    "fuzz-trace --out /dev/null/x",
    "fuzz-trace 17",
    "setup --level everything",
    "setup now",
    "view absent.pftrace",
    "view --port 1",
    "view --report absent",
    "view --report out/bench a.pftrace",
    "view --from 1 README.md",
    "view --from 2 --to 1 README.md",
    "loc extra",
]


def weft(*arguments: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "weft"), *arguments],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.parametrize("line", BAD)
def test_a_bad_request_is_one_line(line: str) -> None:
    done = weft(*line.split(" "))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("weft: ") and done.stderr.count("\n") == 1, done.stderr


def test_a_program_that_is_not_there_is_one_line() -> None:
    done = weft("run", "absent")
    assert done.returncode == 2
    assert done.stderr.startswith("weft: no program 'absent' (have: ") and done.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["", "help", "--help", "help run", "run --help", "setup --help", "simulate --help"])
def test_help_is_help(command: str) -> None:
    done = weft(*command.split())
    assert done.returncode == 0
    assert done.stdout.startswith("usage: weft") and done.stderr == ""


def test_it_works_from_any_folder(tmp_path: Path) -> None:
    done = weft("loc", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "sum" in done.stdout


def test_a_manifest_with_an_unknown_program_is_one_line(tmp_path: Path) -> None:
    manifest = tmp_path / "my.manifest"
    manifest.write_text("process a program=absent wait\n")
    done = weft("run", "--out", str(tmp_path / "out"), str(manifest))
    assert done.returncode == 2
    assert "there is no program absent" in done.stderr and done.stderr.count("\n") == 1


def test_a_run_leaves_console_capture_and_timeline(tmp_path: Path) -> None:
    done = weft("run", "--cpus", "2", "--accel", "tcg", "--out", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    console = (tmp_path / "console.log").read_text()
    assert "# Totals:" in console and console in done.stdout
    assert (tmp_path / "trace.weft").stat().st_size > 4096
    assert (tmp_path / "trace.pftrace").stat().st_size > 4096


def test_a_run_without_tracing_leaves_no_older_timeline(tmp_path: Path) -> None:
    (tmp_path / "trace.pftrace").write_text("of another run")
    done = weft("run", "--cpus", "1", "--accel", "tcg", "--no-trace", "--out", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["console.log"]


def test_a_streamed_run_leaves_a_capture_that_holds_together(tmp_path: Path) -> None:
    """With rings of 64 KiB; what the stream did not catch, if anything, must be counted to pass the check."""
    done = weft("run", "--cpus", "2", "--accel", "tcg", "--append", "trace_ring=65536", "--capture", "stream",
                "--out", str(tmp_path), "selftest")
    assert done.returncode == 0, done.stdout + done.stderr
    checked = weft("trace", "check", str(tmp_path / "trace.weft"))
    assert checked.returncode == 0 and "0 violations" in checked.stdout, checked.stdout + checked.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "console.log", "trace.pftrace", "trace.weft"]
