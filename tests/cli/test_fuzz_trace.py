# SPDX-License-Identifier: Apache-2.0
"""`weft fuzz-trace`: a planted bug is found, kept and seen again; inputs are counted; coverage is told."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from weft import fuzz_trace
from weft.fuzz_runs import Count, Failed, FuzzRuns, Settings, Share
from weft.host_coverage import Coverage

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 600
INPUTS = 4000

PLANTED = """
#include <stdlib.h>
#include <string.h>
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    char *copy = malloc(4);
    if (size >= 3 && !memcmp(data, "BU", 2)) {
        %s
    }
    free(copy);
    return 0;
}
"""
BUGS = {
    "crash": ("copy[4 + data[2] %% 1] = 1;", "AddressSanitizer: heap-buffer-overflow"),
    "leak": ("copy = malloc(5);", "byte(s) leaked"),
    "loop": ("for (volatile int on = 1; on;) {}", "libFuzzer: timeout"),
    "none": ("", ""),
}


@pytest.fixture
def planted(tmp_path):
    """planted(bug) -> a program that has it, and a corpus that is one byte away from it."""

    def make(bug: str) -> tuple[Path, Path]:
        source, program, corpus = tmp_path / f"{bug}.c", tmp_path / bug, tmp_path / "corpus"
        source.write_text(PLANTED % BUGS[bug][0].replace("%%", "%"))
        flags = ["-g", "-O1", "-fsanitize=address,undefined,fuzzer"]
        subprocess.run(["clang", *flags, source, "-o", program], check=True, timeout=SECONDS)
        corpus.mkdir(exist_ok=True)
        (corpus / "seed").write_bytes(b"BX_")
        return program, corpus

    return make


def run(program: Path, corpus: Path, out: Path) -> tuple[int, list[Failed]]:
    """How many inputs were made until the first failure or to the end, and the failures until then."""
    made, failed = 0, []
    settings = Settings(out, seconds=2, temporary=out)
    with FuzzRuns([Share(program, corpus, INPUTS, 1, bytes_max=16)], settings, jobs=1) as runs:
        for event in runs:
            if isinstance(event, Count):
                made += event.inputs
            else:
                failed.append(event)
                break
    return made, failed


@pytest.mark.parametrize("bug", ["crash", "leak", "loop"])
def test_a_planted_bug_is_found_and_its_input_kept(planted, tmp_path, bug):
    program, corpus = planted(bug)
    _, (failure,) = run(program, corpus, tmp_path)
    assert failure.program == bug and BUGS[bug][1] in failure.what, failure
    assert failure.artifact is not None and failure.artifact.name.startswith(f"{bug}-")
    assert failure.artifact.read_bytes().startswith(b"BU")
    again = subprocess.run([program, "-timeout=2", failure.artifact], capture_output=True, timeout=SECONDS)
    assert again.returncode != 0


def test_without_a_bug_the_wanted_inputs_are_made(planted, tmp_path):
    program, corpus = planted("none")
    made, failed = run(program, corpus, tmp_path)
    assert not failed and INPUTS <= made <= INPUTS + 100


def weft(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "weft"), "fuzz-trace", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, stdin=subprocess.DEVNULL)


def test_a_campaign_tells_its_inputs_and_what_they_reached(tree, tmp_path):
    done = weft("--inputs", 24_000, "--jobs", 2, "--out", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    reader = re.search(r"^trace_reader_fuzz +([\d,]+) inputs, +([\d,]+) kept", done.stdout, re.MULTILINE)
    guest = re.search(r"^trace_guest_fuzz +([\d,]+) inputs", done.stdout, re.MULTILINE)
    assert reader and guest, done.stdout
    assert int(reader[1].replace(",", "")) + int(guest[1].replace(",", "")) >= 24_000
    functions = re.search(r"reaches (\d+) of (\d+) functions", done.stdout)
    assert functions and int(functions[1]) > 0.9 * int(functions[2])
    assert "no crash, no leak, none took too long" in done.stdout
    # One of the corpus again, as one would give it a failure.
    name = next((tmp_path / "corpus" / "trace_guest_fuzz").iterdir())
    kept = tmp_path / f"trace_guest_fuzz-{name.name}"
    kept.write_bytes(name.read_bytes())
    assert weft("--input", kept).returncode == 0


def test_shares_are_all_inputs_and_mostly_captures():
    request = fuzz_trace.Request(1_234_567, 1, 1, 10, 10, Path("out"), None)
    shares = list(fuzz_trace.plan(request))
    assert sum(share.inputs for share in shares) == 1_234_567
    guest = sum(share.inputs for share in shares if share.program.name == "trace_guest_fuzz")
    assert 0.05 * 1_234_567 < guest < 0.25 * 1_234_567
    assert len({share.first_seed for share in shares}) == len(shares)


def test_coverage_names_what_was_not_reached():
    names = tuple(f"f{number}" for number in range(15))
    first, second = Coverage({"functions": (85, 100)}, names).lines()
    assert first == "trace/host: the corpus reaches 85 of 100 functions (85.0 %)"
    assert second.endswith("f11 and 3 more")
