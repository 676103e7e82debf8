# SPDX-License-Identifier: Apache-2.0
"""A share of the fuzzing that `./weft fuzz-trace` does at length, from the same first inputs.

libFuzzer mutates them by their structure, steered by what the code does with them. The time that it took
stands in the test's output.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from fuzz_seeds import BYTES_MAX, write_seeds

RUNS = {"trace_reader_fuzz": 100_000, "trace_guest_fuzz": 20_000}
FINDS = {"trace_reader_fuzz": 800, "trace_guest_fuzz": 100}
SECONDS = 900


@pytest.fixture
def corpora(tool, boot, tmp_path) -> Path:
    folder = tmp_path / "corpora"
    folder.mkdir()
    with boot(image="selftest", cpus=4) as guest:
        guest.wait()
        real = guest.capture(folder / "real.weft")
    write_seeds(folder, [real])
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("program", RUNS)
def test_no_input_crashes(tree, corpora, tmp_path, monkeypatch, program):
    corpus = corpora / program
    seeds = len(list(corpus.iterdir()))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    done = subprocess.run(
        [tree.host_test(program), f"-runs={RUNS[program]}", f"-max_len={BYTES_MAX}", "-seed=1",
         "-timeout=20", "-rss_limit_mb=4096", "-entropic=0", "-close_fd_mask=2",
         f"-artifact_prefix={tmp_path}/", corpus],
        capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stderr[-4000:]
    found = re.search(r"Done (\d+) runs in (\d+) second", done.stderr)
    assert found is not None, done.stderr[-2000:]
    print(f"{found[1]} inputs in {found[2]} s from {seeds} seeds")
    assert int(found[1]) >= RUNS[program]
    # It went deep: many more inputs were interesting than it was given.
    assert len(list(corpus.iterdir())) > seeds + FINDS[program]
