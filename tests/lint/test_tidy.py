# SPDX-License-Identifier: Apache-2.0
"""clang-tidy has nothing to say about any C file; .clang-tidy says what it looks for."""

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILE_SECONDS = 300


def tidy(name: str) -> list[str]:
    command = ["clang-tidy", "--quiet", "-p", ".", name]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=FILE_SECONDS)
    found = [line for line in done.stdout.splitlines() if " error: " in line or " warning: " in line]
    if done.returncode and not found:
        found = [f"{name}: {(done.stderr.strip().splitlines() or ['failed'])[-1]}"]
    return [line.removeprefix(f"{ROOT}/") for line in found]


@pytest.mark.slow
def test_clang_tidy_has_nothing_to_say() -> None:
    commands = json.loads((ROOT / "compile_commands.json").read_text())
    names = [entry["file"] for entry in commands if entry["file"].endswith(".c")]
    assert names
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = sorted({line for lines in pool.map(tidy, names) for line in lines})
    assert not found, "\n" + "\n".join(found)
