# SPDX-License-Identifier: Apache-2.0
"""The line count: comments and blanks do not count, what only looks like a comment does."""

from pathlib import Path

import pytest

from weft import loc

EXAMPLES = {
    "": 0,
    "\n \t\n": 0,
    "int a;": 1,
    "int a; // note": 1,
    "// note\n/* note */\n": 0,
    "/* one\n * two\n */\nint a;\n": 1,
    "int a; /* one\n two */ int b;\n": 2,
    'char *s = "// no comment";\n': 1,
    'char *s = "/*";\nint a;\nchar *t = "*/";\n': 3,
    'char *s = "a\\"/*";\nint a;\n': 2,
    "char c = '\"';\nint a; // note\nchar d = '\"';\n": 3,
    "#define X \\\n    1\n": 2,
    "mov $1, %eax // register\n": 1,
}


@pytest.mark.parametrize("text", EXAMPLES, ids=range(len(EXAMPLES)))
def test_code_lines(text: str) -> None:
    assert loc.code_lines(text) == EXAMPLES[text]


COUNTED = 7  # files of a made tree that count


def make_tree(root: Path, lines: int) -> None:
    for name in ("kernel/core/a.c", "kernel/arch/x86_64/boot.S", "kernel/arch/x86_64/include/arch/a.h",
                 "kernel/include/kernel/a.h", "smp/a.h", "ipc/a.c", "trace/kernel/a.c", "trace/host/a.c",
                 "kernel/abi/generate.py"):  # fmt: skip
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("/* note */\n" + "int a;\n" * lines)


def test_rooms_are_counted_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_tree(tmp_path, 10)
    monkeypatch.setattr(loc, "ROOT", tmp_path)
    counted = {room.name: (room.files, room.code, room.lines) for room in loc.rooms()}
    assert counted == {
        "kernel/core": (1, 10, 11),
        "kernel/arch/x86_64": (2, 20, 22),
        "kernel/include": (1, 10, 11),
        "smp": (1, 10, 11),
        "ipc": (1, 10, 11),
        "trace/kernel": (1, 10, 11),
    }


def test_designs_to_compare_with_are_not_of_the_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_tree(tmp_path, 10)
    for name in ("smp/designs/mailbox/a.h", "smp/designs/lock/a.c", "kernel/arch/x86_64/designs/lock/a.S"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("int a;\n" * 20)
    monkeypatch.setattr(loc, "ROOT", tmp_path)
    found = loc.rooms()
    assert (found[-1].name, found[-1].files, found[-1].code) == (loc.COMPARISON, 2, 40)
    assert loc.total(found) == 10 * COUNTED + 20
    monkeypatch.setattr(loc, "LIMIT_OF_ALL", loc.total(found) + 39)
    assert loc.main() == 1


@pytest.mark.parametrize("lines, code", [(1, 0), (loc.LIMIT // COUNTED, 0), (loc.LIMIT // COUNTED + 1, 1)])
def test_the_limit_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: int, code: int
) -> None:
    make_tree(tmp_path, lines)
    monkeypatch.setattr(loc, "ROOT", tmp_path)
    assert loc.main() == code


def test_the_kernel_is_below_its_limit() -> None:
    assert loc.main() == 0
