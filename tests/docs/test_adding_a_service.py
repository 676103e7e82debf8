# SPDX-License-Identifier: Apache-2.0
"""docs/services.md, followed to the letter in a copy of the tree: a new service, which is killed and comes back."""

from __future__ import annotations

import re
import subprocess
import textwrap
from pathlib import Path

from weft.paths import ROOT

DOCUMENT = ROOT / "docs" / "services.md"


def blocks() -> tuple[dict[str, str], list[str]]:
    """The files that the document shows, by their names, and its commands."""
    found = re.findall(r"^( *)```(\w+)(?: file=(\S+))?\n(.*?)^ *```$", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    files = {name: textwrap.dedent(body) for _, _, name, body in found if name}
    return files, [textwrap.dedent(body).strip() for _, kind, _, body in found if kind == "sh"]


def test_a_service_is_one_c_file_and_one_entry(tree_copy: Path) -> None:
    files, (command,) = blocks()
    for name, content in files.items():
        assert not (tree_copy / name).exists(), f"{name} is in the tree already"
        (tree_copy / name).parent.mkdir(parents=True, exist_ok=True)
        (tree_copy / name).write_text(content)
    argv = [*command.split(), "--accel", "icount", "--timeout", "60"]
    done = subprocess.run(argv, cwd=tree_copy, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^init: service kv: killed; start 2 in 1 ms$", done.stdout, re.MULTILINE), done.stdout
    line = re.search(r"^kv_try: put 0, kill 0, get 0: colour is (\w+), from instance 2, (\d+) us later$",
                     done.stdout, re.MULTILINE)  # fmt: skip
    assert line and line[1] == "green" and 1000 <= int(line[2]) <= 100_000, done.stdout
