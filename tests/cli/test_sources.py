# SPDX-License-Identifier: Apache-2.0
"""Code of others: fetched once, from where the pin says, believed only with the right checksum; and programs that
link with it, which are left out where it is not there."""

import hashlib
import io
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from weft import setup, sources
from weft.failure import Failure

ROOT = Path(__file__).resolve().parents[2]
ANSWER_H = "#include <string.h>\nint answer(const char *text);\n"
ANSWER_C = """#include "answer.h"
#include "options.h"
int answer(const char *text) { int unused; return ANSWER + (int)strlen(text); }
"""
PROGRAM_C = '#include "answer.h"\nint main(void);\nint main(void) { return answer("x"); }\n'
LINKER_SCRIPT = "ENTRY(main)\nSECTIONS { . = 0x200000; .text : { *(.text .text.*) } }\n"
STRLEN_C = "unsigned long strlen(const char *text);\nunsigned long strlen(const char *text) { return *text != 0; }\n"


def archive(files: dict[str, str]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
        link = tarfile.TarInfo("answer-1/src/alink.c")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    return out.getvalue()


DATA = archive({
    "answer-1/src/answer.c": ANSWER_C, "answer-1/src/answer.h": ANSWER_H, "answer-1/src/main.c": "#error\n",
    "answer-1/src/a/../../../aoutside.c": "", "answer-1/README": "",
})  # fmt: skip


class Tree:
    """A tree with one port, whose archive lies in a folder that stands for the registry."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.registry = root / "registry" / "answer-1.crate"
        self.registry.parent.mkdir()
        self.registry.write_bytes(DATA)
        self.unpacked = root / "build" / "sources" / "answer-1"
        self.describe()

    def describe(self, more: str = "", wanted: str = "src/a*.[ch]", digest: str = "") -> None:
        digest = digest or hashlib.sha256(DATA).hexdigest()
        self.add("userspace/ports/answer/port.toml",
                 f'version = "1"\nurl = "{self.registry.as_uri()}"\nsha256 = "{digest}"\n'
                 f'wanted = ["{wanted}"]\nfiles = ["src/*.c"]\ninclude = ["src"]\n{more}')  # fmt: skip

    def add(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def fetch(self) -> list[str]:
        return sources.fetch(sources.missing(self.root), self.root)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def test_what_is_wanted_is_unpacked_and_nothing_else(tree: Tree) -> None:
    assert [port.name for port in sources.missing(tree.root)] == ["answer"]
    assert tree.fetch() == []
    assert sources.missing(tree.root) == []
    files = sorted(path.relative_to(tree.root).as_posix() for path in (tree.root / "build").rglob("*") if path.is_file())
    assert files == ["build/sources/answer-1.crate", "build/sources/answer-1/.weft-stamp",
                     "build/sources/answer-1/src/answer.c", "build/sources/answer-1/src/answer.h"]
    assert not list(tree.root.rglob("aoutside.c"))


def test_an_archive_is_fetched_once(tree: Tree) -> None:
    tree.fetch()
    tree.registry.unlink()
    shutil.rmtree(tree.unpacked)
    assert tree.fetch() == [] and (tree.unpacked / "src" / "answer.c").read_text() == ANSWER_C


@pytest.mark.parametrize("name", ["src/answer.c", ".weft-stamp"])
def test_what_was_removed_or_interrupted_is_made_again(tree: Tree, name: str) -> None:
    tree.fetch()
    (tree.unpacked / name).unlink()
    assert len(sources.missing(tree.root)) == 1
    assert tree.fetch() == [] and sources.missing(tree.root) == []


def test_without_a_network_one_line_says_what_to_do(tree: Tree) -> None:
    tree.registry.unlink()
    (line,) = tree.fetch()
    assert "the source of answer cannot be fetched" in line and "put it into build/sources/" in line
    assert sources.failed_lately(tree.root) and "\n" not in line
    (tree.root / "build" / "sources" / "answer-1.crate").write_bytes(DATA)
    assert tree.fetch() == [] and not sources.failed_lately(tree.root)


@pytest.mark.parametrize("where", ["registry", "by hand"])
def test_another_checksum_is_refused(tree: Tree, where: str) -> None:
    kept = tree.root / "build" / "sources" / "answer-1.crate"
    kept.parent.mkdir(parents=True)
    (tree.registry if where == "registry" else kept).write_bytes(DATA + b"x")
    (line,) = tree.fetch()
    assert "is not the pinned one" in line and hashlib.sha256(DATA + b"x").hexdigest() in line
    assert not tree.unpacked.exists() and kept.exists() == (where == "by hand")


def test_a_new_description_is_noticed(tree: Tree) -> None:
    tree.fetch()
    tree.describe('[[change]]\nfile = "src/answer.c"\nold = "ANSWER +"\nnew = "ANSWER -"\n')
    assert tree.fetch() == []
    assert "ANSWER -" in (tree.unpacked / "src" / "answer.c").read_text()
    tree.describe('[[change]]\nfile = "src/answer.c"\nold = "t"\nnew = "u"\n')
    (line,) = tree.fetch()
    assert "and one is to be changed" in line and sources.missing(tree.root)


@pytest.mark.parametrize(
    ("more", "wanted", "digest", "line"),
    [
        ("", "src/absent.c", "", "has no src/absent.c"),
        ("colour = 1\n", "src/a*", "", "colour is not known"),
        ("", "src/a*", "abc", "64 hexadecimal digits"),
        ("wanted = 3\n", "src/a*", "", "port.toml:"),
        ("[[change]]\nfile = 'x'\n", "src/a*", "", "has file, old and new"),
    ],
)
def test_a_bad_description_is_one_line(tree: Tree, more: str, wanted: str, digest: str, line: str) -> None:
    tree.describe(more, wanted, digest)
    try:
        found = tree.fetch()
    except Failure as failure:
        found = [str(failure)]
    assert len(found) == 1 and line in found[0] and "\n" not in found[0]


def test_other_commands_go_on_without_and_do_not_try_each_time(
    tree: Tree, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Set-up that was asked for fails, with the same line."""
    tree.registry.unlink()
    for name in ("missing", "fetch", "failed_lately"):
        call = getattr(sources, name)
        monkeypatch.setattr(sources, name, lambda *a, call=call: call(*a, root=tree.root))
    setup.setup("run")
    assert "what is made of it is not built" in capsys.readouterr().out
    setup.setup("run")
    assert capsys.readouterr().out == ""
    with pytest.raises(Failure, match="the source of answer cannot be fetched"):
        setup.setup("run", quiet=False)
    assert setup.check("run") == 1 and "answer 1" in capsys.readouterr().out


# ---- programs that link with it ----------------------------------------------------------------


@pytest.fixture
def program(tree: Tree) -> Tree:
    for path in ("configure.py", "cli/weft/image.py", "cli/weft/ninja.py", "cli/weft/ports.py", "cli/weft/variants.py",
                 "kernel/arch/offsets.py"):
        tree.add(path, (ROOT / path).read_text())
    for name in ("string.h", "stdlib.h"):
        tree.add(f"userspace/ports/c/{name}", '#include "weft/string.h"\n')
    tree.add("userspace/lib/include/weft/string.h", "#pragma once\nunsigned long strlen(const char *text);\n")
    tree.add("userspace/lib/user.ld", LINKER_SCRIPT)
    tree.add("userspace/lib/string.c", STRLEN_C)
    tree.add("userspace/ports/answer/options.h", "#define ANSWER 41\n")
    tree.add("userspace/servers/asker/main.c", PROGRAM_C)
    tree.add("userspace/servers/asker/program.toml", 'ports = ["answer"]\n')
    return tree


def configure(tree: Tree) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "configure.py"], cwd=tree.root, capture_output=True, text=True, timeout=60)


def ninja(tree: Tree) -> str:
    done = subprocess.run(["ninja"], cwd=tree.root, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_a_program_is_built_where_its_library_is(program: Tree) -> None:
    """Warnings about others' code are nobody's, and clang-tidy does not read it."""
    elf = program.root / "build" / "x86_64" / "user" / "asker.elf"
    done = configure(program)
    assert done.returncode == 0, done.stderr
    assert "no program asker: there is no library answer" in done.stdout
    ninja(program)
    assert not elf.exists()
    program.fetch()
    configure(program)
    ninja(program)
    assert elf.exists()
    assert "build/sources" not in "".join(
        line for line in (program.root / "compile_commands.json").read_text().splitlines() if '"file"' in line)
    program.add("userspace/ports/answer/options.h", "#define ANSWER 42\n")
    assert "link" in ninja(program)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('ports = ["other"]\n', "there is no userspace/ports/other/port.toml"),
        ("ports = 3\n", "one line is wanted"),
        ("library = []\n", "one line is wanted"),
        ("ports =\n", "program.toml:"),
    ],
)
def test_a_bad_list_of_libraries_is_one_line(program: Tree, text: str, line: str) -> None:
    program.add("userspace/servers/asker/program.toml", text)
    done = configure(program)
    assert done.returncode == 1 and line in done.stderr and done.stderr.count("\n") == 1
