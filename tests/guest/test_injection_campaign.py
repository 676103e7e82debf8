# SPDX-License-Identifier: Apache-2.0
"""A share of what `./weft faults` does at length, and a failure on purpose that it must report."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 900
SERVICES = {"pci", "disk", "random", "clock", "store", "fs"}


def faults(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "weft"), "faults", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=SECONDS, stdin=subprocess.DEVNULL
    )


def records(folder: Path) -> list[dict[str, Any]]:
    return json.loads((folder / "faults.json").read_text())["faults"]


@pytest.mark.parametrize(
    "line", ["--seeds 0", "--faults 0", "--faults x", "--cpus 0", "--accel kvm", "--endure 0", "--endure x",
     "--endure 1 --accel kvm", "--endure 1 --seeds 3", "--endure 1 --faults 50", "--endure 1 --with disk",
     "--endure 1 --timeout 60", "--endure 1 --seed 3", "--endure 1 --first-seed 3", "--endure 1 --jobs 1", "--with tape", "--seed 1 --seeds 2", "--jobs 0"]
)
def test_a_bad_request_for_faults_is_one_line(line: str) -> None:
    done = faults(*line.split())
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("weft: ") and done.stderr.count("\n") == 1, done.stderr


@pytest.mark.slow
def test_services_recover_from_faults(tmp_path: Path) -> None:
    done = faults("--seeds", "3", "--faults", "30", "--out", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    found = records(tmp_path)
    assert len(found) == 90
    assert {fault["service"] for fault in found} == SERVICES
    manifested = [fault for fault in found if fault["how"]]
    assert len(manifested) >= 15
    assert all(fault["recovered"] and fault["took"] > 0 for fault in manifested)
    # Who kills or stops a service does it for certain.
    assert all(fault["how"] for fault in found if fault["kind"] in ("kill", "loop", "wait"))
    assert "recovered without help (100.00 %)" in done.stdout


@pytest.mark.slow
def test_a_seed_chooses_the_faults(tmp_path: Path) -> None:
    runs = []
    for turn in ("first", "second"):
        folder = tmp_path / turn
        done = faults("--seed", "4", "--faults", "8", "--append", "service=store", "--out", str(folder))
        assert done.returncode == 0, done.stdout + done.stderr
        runs.append([(fault["number"], fault["kind"], fault["how"]) for fault in records(folder)])
    assert runs[0] == runs[1] and len(runs[0]) == 8


@pytest.mark.slow
def test_what_does_not_recover_is_reported(tmp_path: Path) -> None:
    """The store's second instance cannot begin, whatever init does."""
    done = faults(
        *("--seed", "5", "--faults", "3", "--out", str(tmp_path)),
        *("--append", "planted service=store kind=kill"),
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "seed 5: not recovered: kill in store (killed), store is not well" in done.stdout
    assert "again: ./weft faults --seed 5 --faults 3 --append 'planted service=store kind=kill'" in done.stdout
    kept = tmp_path / "seed5"
    assert (kept / "trace.pftrace").exists() and (kept / "console.log").exists()
    found = records(tmp_path)
    assert len(found) == 1 and not found[0]["recovered"]


@pytest.mark.slow
def test_a_failure_of_what_was_latent_is_reported(tmp_path: Path) -> None:
    """Full tables have no effect on the store, until it is started anew because of them: it cannot begin."""
    done = faults(
        *("--seed", "5", "--faults", "3", "--out", str(tmp_path)),
        *("--append", "planted service=store kind=slots"),
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "seed 5: not recovered: store is not well, late (latent: store:3)" in done.stdout
    assert "3 faults injected, 1 manifested (1 of them late), 0 recovered without help (0.00 %)" in done.stdout
    kept = tmp_path / "seed5"
    assert (kept / "disk.img").stat().st_size == (kept / "disk-after.img").stat().st_size == 4 << 20


def test_the_file_systems_checksums_cannot_be_spoilt_by_a_stray_write() -> None:
    """Where the table of lfs_crc() was writable, one flipped bit in it cost all of the disk."""
    program = ROOT / "build" / "x86_64" / "user" / "fs.elf"
    if not program.exists():
        pytest.skip("the file system needs littlefs, whose sources are not here")
    symbols = subprocess.run(["llvm-nm", "--print-size", program], capture_output=True, text=True, timeout=60, check=True)
    tables = [line.split() for line in symbols.stdout.splitlines() if line.endswith(" table")]
    assert [(kind, int(size, 16)) for _, size, kind, _ in tables] == [("r", 256 * 4)]
