# SPDX-License-Identifier: Apache-2.0
"""configure.py and ninja on a small tree: empty rooms, new and deleted files, what is rebuilt."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

LINKER_SCRIPT = """
ENTRY(%s)
SECTIONS {
    . = %s;
    .text : { *(.text .text.*) }
    . = ALIGN(4096);
    .rodata : { *(.rodata .rodata.*) }
    . = ALIGN(4096);
    .data : { *(.data .data.*) }
    /DISCARD/ : { *(.comment) }
}
"""
KERNEL_C = """
void boot(void);
void boot(void) {}
"""
PROGRAM_C = "int main(void);\nint main(void) { return 0; }\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree with the build's own files and nothing else."""
    for path in ("configure.py", "cli/weft/image.py", "cli/weft/ninja.py", "cli/weft/ports.py",
                 "cli/weft/variants.py", "kernel/arch/offsets.py"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    return tmp_path


def add(tree: Path, path: str, text: str) -> None:
    (tree / path).parent.mkdir(parents=True, exist_ok=True)
    (tree / path).write_text(text)


def add_kernel(tree: Path) -> None:
    add(tree, "kernel/arch/x86_64/kernel.ld", LINKER_SCRIPT % ("boot", "0xffffffff80200000"))
    add(tree, "kernel/core/main.c", KERNEL_C)
    add(tree, "kernel/arch/riscv64/main.c", "#error another architecture\n")


def add_user(tree: Path) -> None:
    add(tree, "userspace/lib/user.ld", LINKER_SCRIPT % ("_start", "0x200000"))
    add(tree, "userspace/lib/start.c", "void _start(void);\nvoid _start(void) {}\n")
    add(tree, "userspace/init/init.c", PROGRAM_C)
    add(tree, "userspace/apps/hello.c", PROGRAM_C)


def run(tree: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=300)


def configure(tree: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return run(tree, sys.executable, "configure.py", *options)


def ninja(tree: Path, *arguments: str) -> str:
    done = run(tree, "ninja", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def variants(tree: Path) -> list[str]:
    return sorted(path.parent.name for path in tree.glob("build/x86_64/*/kernel.elf"))


def test_an_empty_tree_builds_nothing(tree: Path) -> None:
    done = configure(tree)
    assert done.returncode == 0, done.stderr
    assert "no work to do" in ninja(tree)
    assert json.loads((tree / "compile_commands.json").read_text()) == []


def test_all_variants_are_built(tree: Path) -> None:
    add_kernel(tree)
    configure(tree)
    ninja(tree)
    assert variants(tree) == ["bench", "bench-notrace", "test", "test-notrace"]
    assert "no work to do" in ninja(tree)


@pytest.mark.parametrize(
    "options, expected",
    [
        (["--profile", "bench", "--trace", "off"], ["bench-notrace"]),
        (["--profile", "test"], ["test", "test-notrace"]),
        (["--trace", "on"], ["bench", "test"]),
    ],
)
def test_options_choose_variants(tree: Path, options: list[str], expected: list[str]) -> None:
    add_kernel(tree)
    configure(tree, *options)
    ninja(tree)
    assert variants(tree) == expected


def test_a_design_is_another_kernel_of_the_same_sources(tree: Path) -> None:
    """Built when it is asked for; each kernel has the folder of its own design, and no other's."""
    add_kernel(tree)
    for design, symbol in (("mailbox", "plain"), ("lock", "locked")):
        add(tree, f"smp/designs/{design}/design.h", f"#define SYMBOL {symbol}\n")
        add(tree, f"smp/designs/{design}/{symbol}.c", '#include "design.h"\nint SYMBOL;\n')
    configure(tree)
    ninja(tree)
    assert variants(tree) == ["bench", "bench-notrace", "test", "test-notrace"]
    ninja(tree, "build/x86_64/bench-lock-notrace/kernel.elf")
    for variant, symbol in (("bench-notrace", b"plain"), ("bench-lock-notrace", b"locked")):
        text = (tree / f"build/x86_64/{variant}/kernel.elf").read_bytes()
        assert [name for name in (b"plain", b"locked") if name in text] == [symbol]


@pytest.mark.parametrize("options", [["--arch", "vax"], ["--profile", "x"], ["--design", "x"], ["--trace", "1"], ["extra"]])
def test_a_bad_option_writes_nothing(tree: Path, options: list[str]) -> None:
    assert configure(tree, *options).returncode == 2
    assert not (tree / "build.ninja").exists()


def test_new_and_deleted_files_are_noticed_by_ninja_alone(tree: Path) -> None:
    add_user(tree)
    configure(tree)
    ninja(tree)
    add(tree, "userspace/apps/second.c", PROGRAM_C)
    ninja(tree)
    image = tree / "build/x86_64/images/second.cpio"
    assert image.is_file()
    (tree / "userspace/apps/second.c").unlink()
    (tree / "userspace/apps/hello.c").unlink()
    ninja(tree)
    assert "second" not in (tree / "build.ninja").read_text()


def test_a_changed_manifest_changes_its_image_only(tree: Path) -> None:
    add_user(tree)
    add(tree, "userspace/apps/hello.manifest", "process hello program=hello wait\n")
    configure(tree)
    ninja(tree)
    add(tree, "userspace/apps/hello.manifest", "process hello program=hello wait\ninclude second\n")
    add(tree, "userspace/apps/second.c", PROGRAM_C)
    ninja(tree)
    image = (tree / "build/x86_64/images/hello.cpio").read_bytes()
    assert b"include second" in image and b"second\0" in image


def test_a_header_rebuilds_what_includes_it(tree: Path) -> None:
    add_user(tree)
    add(tree, "userspace/lib/include/value.h", "#define VALUE 0\n")
    add(tree, "userspace/apps/user.c", '#include "value.h"\nint main(void);\nint main(void) { return VALUE; }\n')
    configure(tree)
    ninja(tree)
    add(tree, "userspace/lib/include/value.h", "#define VALUE 1\n")
    output = ninja(tree)
    assert "compile userspace/apps/user.c" in output
    assert "compile userspace/apps/hello.c" not in output


def test_two_programs_of_one_name_are_refused(tree: Path) -> None:
    add_user(tree)
    add(tree, "tests/guest/a.c", PROGRAM_C)
    add(tree, "tests/guest/test_a.c", PROGRAM_C)
    done = configure(tree)
    assert done.returncode == 1
    assert "two programs are called test_a" in done.stderr


def test_offsets_reach_assembly(tree: Path) -> None:
    add_kernel(tree)
    add(
        tree,
        "kernel/arch/x86_64/offsets.c",
        '#define OFFSET(name, value) __asm__ volatile(".ascii \\"@offset " #name " %0\\"" : : "i"(value))\n'
        "struct pair { long first, second; };\nvoid offsets(void);\n"
        "void offsets(void) { OFFSET(PAIR_SECOND, __builtin_offsetof(struct pair, second)); }\n",
    )
    add(
        tree,
        "kernel/arch/x86_64/entry.S",
        '#include "arch/offsets.h"\n.globl entry\nentry: .quad PAIR_SECOND\n',
    )
    configure(tree)
    ninja(tree)
    assert "#define PAIR_SECOND 8" in (tree / "build/x86_64/test/gen/arch/offsets.h").read_text()


def test_the_same_tree_gives_the_same_kernel_anywhere(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    add_kernel(tree)
    other = tmp_path_factory.mktemp("elsewhere") / "tree"
    shutil.copytree(tree, other)
    for place in (tree, other):
        configure(place, "--profile", "bench")
        ninja(place)
    kernel = "build/x86_64/bench/kernel.elf"
    assert (tree / kernel).read_bytes() == (other / kernel).read_bytes()
