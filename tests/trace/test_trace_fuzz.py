# SPDX-License-Identifier: Apache-2.0
"""Fuzzing of reader, checker, converter, statistics and latency under Address- and UB-Sanitizer.

The seeds are the stories and the capture of a real boot. libFuzzer mutates them, steered by what the
code does with them; see tests/host/trace_reader_fuzz.c for how an input becomes a capture. The time
that it took stands in the test's output.
"""

from __future__ import annotations

import re
import struct
import subprocess
from pathlib import Path

import pytest
import stories
from synthetic import Capture

RUNS = 110_000
BYTES_MAX = 3000
SECONDS = 900
HEAD = 112 + 4 * 40
FILE, RECORDS = b"\0", b"\1"


def packed(capture: Capture) -> bytes:
    """A file without the padding between its sections, its header cut to HEAD bytes."""
    table, body = [], b""
    for (cpu, kind), ring in sorted(capture.rings.items()):
        table.append(struct.pack("<IIQQQQ", kind, cpu, 4096 + len(body), len(ring.bytes),
                                 ring.sequences[0], ring.sequences[0] * 255))
        body += ring.bytes
    header = struct.pack("<8sIIQQIIQ64s", b"WEFTCAP1", 4096, 16, 0, 10**9, capture.cpus, len(table),
                         0, b"fuzz")
    return (header + b"".join(table)).ljust(HEAD, b"\0") + body


def records(capture: Capture) -> bytes:
    """All records but the PAGE records."""
    return b"".join(bytes(page[16:]) for _, ring in sorted(capture.rings.items())
                    for page in ring.pages)


@pytest.fixture
def corpus(tool, boot, tmp_path) -> Path:
    folder = tmp_path / "corpus"
    folder.mkdir()
    for rounds in (0, 1, 2):
        capture = stories.whole(rounds).capture
        (folder / f"file-{rounds}").write_bytes(FILE + packed(capture))
        (folder / f"records-{rounds}").write_bytes(RECORDS + records(capture))
    with boot(image="selftest", cpus=4) as guest:
        guest.wait()
        real = guest.capture(tmp_path / "real.weft").read_bytes()
    count = struct.unpack_from("<I", real, 36)[0]
    for index in range(count):
        kind, _, offset, length, _, _ = struct.unpack_from("<IIQQQQ", real, 112 + 40 * index)
        for part in range(0, min(length, 40_000), BYTES_MAX):
            if kind != 2:
                piece = real[offset + part:offset + min(length, part + BYTES_MAX)]
                (folder / f"real-{index}-{part}").write_bytes(RECORDS + piece)
    return folder


@pytest.mark.slow
def test_no_input_crashes_the_readers(tree, corpus, tmp_path):
    seeds = len(list(corpus.iterdir()))
    done = subprocess.run(
        [tree.host_test("trace_reader_fuzz"), f"-runs={RUNS}", f"-max_len={BYTES_MAX}", "-seed=1",
         "-timeout=20", "-rss_limit_mb=4096", "-print_final_stats=1", f"-artifact_prefix={tmp_path}/",
         corpus],
        capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stderr[-4000:]
    found = re.search(r"Done (\d+) runs in (\d+) second", done.stderr)
    assert found is not None, done.stderr[-2000:]
    print(f"{found[1]} inputs in {found[2]} s from {seeds} seeds")
    assert int(found[1]) >= 100_000
    # It went deep: many more inputs were interesting than it was given.
    assert len(list(corpus.iterdir())) > seeds + 200
