# SPDX-License-Identifier: Apache-2.0
"""The portable parts of user space, on the host: unit tests under AddressSanitizer, and readers of
foreign bytes fuzzed from real images, programs and manifests."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from weft.harness.tree import Tree

INPUTS = 100_000
SECONDS = 300


@pytest.mark.parametrize("program", ["user_library_asan", "manifest_asan", "heap_asan"])
def test_library_agrees_with_the_hosts(tree: Tree, program: str) -> None:
    argv = [tree.host_test(program)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("seed", [1, 2])
def test_no_bytes_break_the_readers(
    tree: Tree, pytestconfig: pytest.Config, tmp_path: Path, seed: int
) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for manifest in pytestconfig.rootpath.glob("tests/guest/*.manifest"):
        (corpus / manifest.name).write_bytes(manifest.read_bytes())
    (corpus / "image").write_bytes(tree.image("selftest").read_bytes()[:4096])
    (corpus / "program").write_bytes(tree.packed("init").read_bytes()[:4096])
    argv = [tree.host_test("user_library_fuzz"), f"-seed={seed}", f"-runs={INPUTS}",
            "-max_len=8192", f"-artifact_prefix={tmp_path}/", corpus]  # fmt: skip
    done = subprocess.run(argv, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stderr[-4000:]
    assert f"Done {INPUTS} runs" in done.stderr
