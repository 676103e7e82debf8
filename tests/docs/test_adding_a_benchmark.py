# SPDX-License-Identifier: Apache-2.0
"""docs/adding-a-benchmark.md, followed to the letter in a copy of the tree."""

from __future__ import annotations

import json
import re
import subprocess
import textwrap
from pathlib import Path

from weft.paths import ROOT

DOCUMENT = ROOT / "docs" / "adding-a-benchmark.md"


def blocks() -> tuple[dict[str, str], list[str]]:
    """The files that the document shows, by their names, and its commands."""
    text = DOCUMENT.read_text()
    found = re.findall(r"^( *)```(\w+)(?: file=(\S+))?\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    files = {name: textwrap.dedent(body) for _, _, name, body in found if name}
    commands = [textwrap.dedent(body).strip() for _, kind, _, body in found if kind == "sh"]
    return files, commands


def test_a_benchmark_is_one_c_file_and_three_lines(tree_copy: Path) -> None:
    files, (command,) = blocks()
    source, words = files
    assert source.endswith(".c") and words.endswith(".toml") and len(files[words].strip().splitlines()) == 3
    for name, content in files.items():
        assert not (tree_copy / name).exists(), f"{name} is in the tree already"
        (tree_copy / name).write_text(content)
    done = subprocess.run(command, shell=True, cwd=tree_copy, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stdout + done.stderr
    (name,) = re.findall(r'name = "(.*)"', files[words])
    (timed,) = re.findall(r'timed = "(.*)"', files[words])
    assert re.search(rf"^  {name} +instructions ", done.stdout, re.MULTILINE), done.stdout
    runs = json.loads((tree_copy / "out/bench/results.json").read_text())["runs"]
    assert {run["accel"]: {result["name"] for result in run["results"]} for run in runs} == {
        "icount": {name}, "tcg": {name}}  # fmt: skip
    exact = next(run for run in runs if run["accel"] == "icount")["results"][0]
    assert exact["n"] == 2000 and 16 <= exact["p50"] <= 1000  # 16 reads; each is some instructions
    assert timed in (tree_copy / "out/bench/report.html").read_text()
    assert (tree_copy / "out/bench/trace.pftrace").stat().st_size > 1000

