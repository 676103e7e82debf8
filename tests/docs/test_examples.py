# SPDX-License-Identifier: Apache-2.0
"""What the documents show as an example works as it is shown."""

from __future__ import annotations

import re
import subprocess
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

from weft.harness.program import read_program

ROOT = Path(__file__).resolve().parents[2]
FLAGS = [
    "--target=x86_64-unknown-none-elf", "-std=gnu2x", "-ffreestanding", "-Wall", "-Wextra", "-Werror",
    "-fsyntax-only", f"-I{ROOT}/userspace/lib/include", f"-I{ROOT}/build/gen",
]  # fmt: skip


def blocks(document: str, first: str) -> list[str]:
    """The indented blocks of a document that begin with a certain text."""
    text = (ROOT / "docs" / document).read_text()
    found = re.findall(r"(?:^|\n\n)((?:    .*\n|\n(?=    ))+)", text)
    return [block for block in map(textwrap.dedent, found) if block.lstrip().startswith(first)]


def test_the_guest_test_of_the_manual_is_one(build: Any, tmp_path: Path) -> None:
    (example,) = blocks("testing.md", "/* SPDX")
    source = tmp_path / "yield.c"
    source.write_text(example)
    subprocess.run(["clang", *FLAGS, str(source)], check=True, timeout=60)
    program = read_program(source)
    assert program is not None
    assert program.tests == ("yield_returns", "bad_numbers_are_refused")
    assert [configuration.name for configuration in program.configurations] == [
        "tcg-1cpu", "icount-1cpu", "tcg-4cpu", "icount-4cpu"]  # fmt: skip


def test_the_machine_test_of_the_manual_passes(boot: Callable[..., Any]) -> None:
    (example,) = blocks("testing.md", "def test_a_guest_says")
    names: dict[str, Any] = {}
    exec(compile(example, "docs/testing.md", "exec"), names)  # our own document
    names["test_a_guest_says_how_many_cpus_it_has"](boot)


def test_the_event_of_the_manual_becomes_a_writer(tmp_path: Path) -> None:
    (example,) = blocks("trace.md", "[events.ipc_queue]")
    room = tmp_path / "trace" / "schema"
    room.mkdir(parents=True)
    for name in ("generate.py", "events.toml"):
        (room / name).write_bytes((ROOT / "trace/schema" / name).read_bytes())
    abi = tmp_path / "kernel" / "abi"
    abi.mkdir(parents=True)
    (abi / "abi.toml").write_bytes((ROOT / "kernel/abi/abi.toml").read_bytes())
    with (room / "events.toml").open("a") as file:
        file.write("\n" + example)
    subprocess.run(
        ["python3", str(room / "generate.py"), "--out", str(tmp_path / "gen")], check=True, timeout=60
    )
    writers = "".join(path.read_text() for path in (tmp_path / "gen").rglob("*.h"))
    assert re.search(r"trace_ipc_queue\(\s*uint32_t \w+, uint32_t \w+\)", writers)
