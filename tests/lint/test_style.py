# SPDX-License-Identifier: Apache-2.0
"""How the files of the tree look: licence, size, formatting, and what must not be in them."""

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from weft.ports import libraries_of, read_ports

ROOT = Path(__file__).resolve().parents[2]
SPDX = "SPDX-License-Identifier: Apache-2.0"
SOURCE = (".c", ".h", ".S", ".ld", ".py", ".toml", ".manifest", ".css", ".js", ".mjs", ".sh")
SCRIPTS = ("weft", ".ci/run", ".gitignore", ".clang-format", ".clang-tidy")
LINES_MAX = 450  # "around 400": beyond this a file holds a second idea
FUNCTION_MAX = 70  # lines, for the same reason
# Rooms whose headers take a parameter, which who includes them defines first.
PARAMETERS = {"tests/guest": ['-DPROGRAM="x"']}
PART_OF_ANOTHER = "never this file"  # what a header says that another one must include for you


def tracked() -> list[Path]:
    """Every file that is, or would be, in the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, check=True
    )
    names = listed.stdout.decode().split("\0")[:-1]
    return [ROOT / name for name in sorted(set(names)) if (ROOT / name).is_file()]


def sources(*suffixes: str) -> Iterator[tuple[str, Path]]:
    for path in tracked():
        name = path.relative_to(ROOT).as_posix()
        if path.suffix in (suffixes or SOURCE) or (not suffixes and name in SCRIPTS):
            yield name, path


def complain(wrong: list[str]) -> None:
    assert not wrong, "\n" + "\n".join(wrong)


def test_every_source_names_its_licence_first() -> None:
    wrong = []
    for name, path in sources():
        lines = path.read_text().splitlines() or [""]
        first = lines[1] if lines[0].startswith("#!") and len(lines) > 1 else lines[0]
        if SPDX not in first:
            wrong.append(f"{name}: no licence in the first line")
    complain(wrong)


def test_no_two_test_files_share_a_name() -> None:
    """pytest imports a test file by its bare name: a second one of that name stops the whole collection."""
    rooms: dict[str, list[str]] = {}
    for name, path in sources(".py"):
        if path.name.startswith("test_"):
            rooms.setdefault(path.name, []).append(name)
    complain([f"{', '.join(where)}: one name" for where in rooms.values() if len(where) > 1])


def test_no_file_has_grown_too_long() -> None:
    lengths = [(name, path.read_text().count("\n")) for name, path in sources(".c", ".h", ".S", ".py")]
    complain([f"{name}: {length} lines" for name, length in lengths if length > LINES_MAX])


def function_lengths(text: str) -> Iterator[tuple[int, int]]:
    """Line number and length of each C function: from a brace in the first column to the next."""
    start = 0
    for number, line in enumerate(text.splitlines(), start=1):
        if line == "{":
            start = number
        elif line == "}" and start:
            yield start, number - start - 1
            start = 0


def test_no_function_has_grown_too_long() -> None:
    complain(
        [
            f"{name}:{line}: {length} lines"
            for name, path in sources(".c", ".h")
            for line, length in function_lengths(path.read_text())
            if length > FUNCTION_MAX
        ]
    )


@pytest.mark.parametrize(
    "pattern, why",
    [
        (r"[ \t]+$", "ends in a blank"),
        (r"\t", "a tab"),
        (r"\bFIXME\b", "wrong today: it blocks a release"),
        (r"^(<<<<<<<|>>>>>>>)", "a merge that was not finished"),
    ],
)
def test_no_source_line_has(pattern: str, why: str) -> None:
    found = re.compile(pattern)
    complain(
        [
            f"{name}:{number}: {why}"
            for name, path in sources()
            if name != "tests/lint/test_style.py"
            for number, line in enumerate(path.read_text().splitlines(), start=1)
            if found.search(line)
        ]
    )


def test_no_binary_is_in_the_tree() -> None:
    pictures = (".png",)
    complain(
        [
            str(path.relative_to(ROOT))
            for path in tracked()
            if path.suffix not in pictures and b"\0" in path.read_bytes()[:8192]
        ]
    )


def test_c_is_formatted() -> None:
    names = [name for name, _ in sources(".c", ".h")]
    done = subprocess.run(
        ["clang-format", "--dry-run", *names], cwd=ROOT, capture_output=True, text=True, check=True
    )
    wrong = sorted({line.split(":")[0] for line in done.stderr.splitlines() if " warning: " in line})
    complain([f"{name}: run clang-format -i on it" for name in wrong])


def test_every_header_compiles_alone(tmp_path: Path) -> None:
    """With the flags of a source in the same room, or of the first room that may include it. A program's that
    needs code of others, which set-up could not fetch, is not built either."""
    commands = json.loads((ROOT / "compile_commands.json").read_text())
    ports = read_ports(ROOT)
    flags = {Path(entry["file"]): shlex.split(entry["command"]) for entry in commands}

    def check(item: tuple[str, Path]) -> str:
        name, path = item
        neighbour = max(flags, key=lambda source: len(shared(source, Path(name))))
        command = flags[neighbour][: flags[neighbour].index("-c")]
        unit = tmp_path / (name.replace("/", "_") + ".c")
        unit.write_text(f'#include "{path}"\n')
        command += ["-fsyntax-only", "-Wno-unused-function", *PARAMETERS.get(str(Path(name).parent), []), str(unit)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        errors = [line for line in done.stderr.splitlines() if " error: " in line]
        return f"{name}: {errors[0] if errors else done.stderr}" if done.returncode else ""

    with ThreadPoolExecutor(2) as pool:
        alone = [
            (name, path)
            for name, path in sources(".h")
            if PART_OF_ANOTHER not in path.read_text()
            and all(ports[port].present(ROOT) for port in libraries_of(ROOT, str(Path(name).parent)))
        ]
        complain([line for line in pool.map(check, alone) if line])


def shared(first: Path, second: Path) -> tuple[str, ...]:
    """The leading folders that two paths share."""
    common = []
    for left, right in zip(first.parts, second.parts):
        if left != right:
            break
        common.append(left)
    return tuple(common)


def test_volatile_is_for_devices_only() -> None:
    complain(
        [
            f"{name}:{number}: {line.strip()}"
            for name, path in sources(".c", ".h")
            if name.startswith(("kernel/", "smp/", "ipc/", "trace/kernel/")) and "/arch/" not in name
            for number, line in enumerate(path.read_text().splitlines(), start=1)
            if re.search(r"\bvolatile\b", line) and "__asm__" not in line
        ]
    )


def test_nothing_is_sequentially_consistent_by_default() -> None:
    rooms = ("kernel/", "smp/", "ipc/", "trace/kernel/")
    complain(
        [
            f"{name}:{number}: {line.strip()}"
            for name, path in sources(".c", ".h")
            if name.startswith(rooms)
            for number, line in enumerate(path.read_text().splitlines(), start=1)
            if re.search(r"seq_cst|__ATOMIC_SEQ_CST|\b__sync_\w+\(|\b_Atomic\b", line)
        ]
    )
