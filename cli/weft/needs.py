# SPDX-License-Identifier: Apache-2.0
"""What Weft needs on a machine: the tables that set-up works from.

Levels. Each of three contains the one before: `run` builds and boots, `bench` also evaluates, `test`
also runs the suite with sanitizers, the real trace processor and a browser. Five stand beside them: `view`
needs the offline viewer's npm packages only, `fuzz` the sanitizers, `compare` another reader of traces to
measure ours against, `grid` the engine that spreads benchmarks over many workers, `disk` what reads the guest's disks.

To add a system tool add a `Tool`; Python packages stand with exact versions in
cli/requirements.txt (bench), cli/requirements-grid.txt, -disk.txt and -test.txt; npm packages in tests/perfetto/.
"""

from __future__ import annotations

from dataclasses import dataclass

from weft.paths import ROOT

LEVELS = ("run", "bench", "test", "view", "fuzz", "compare", "grid", "disk")
IN_LEVEL = {
    "run": {"run"},
    "bench": {"run", "bench"},
    "test": {"run", "bench", "test", "node", "fuzz", "compare", "grid", "disk"},
    "view": {"node"},
    "fuzz": {"run", "fuzz"},
    "compare": {"run", "bench", "compare"},
    "grid": {"run", "bench", "grid"},
    "disk": {"run", "disk"},
}


@dataclass(frozen=True)
class Tool:
    """A program, or a file that a compiler must find, and the Debian package that has it."""

    name: str
    package: str
    part: str  # the level's part that needs it
    minimum: tuple[int, ...] = ()  # lowest version; empty: any will do
    version_argument: str = "--version"
    file: str = ""  # instead of a program: a file that `clang -print-file-name` must know


TOOLS = (
    Tool("clang", "clang", "run", (14,)),
    Tool("ld.lld", "lld", "run", (14,)),
    Tool("llvm-nm", "llvm", "run", (14,)),
    Tool("llvm-ar", "llvm", "run", (14,)),
    Tool("ninja", "ninja-build", "run", (1, 10)),
    Tool("qemu-system-x86_64", "qemu-system-x86", "run", (7, 2)),
    Tool("C library headers", "libc6-dev", "run", file="crt1.o"),
    Tool("mke2fs", "e2fsprogs", "bench"),
    Tool("sanitizers", "libclang-rt-dev", "fuzz", file="libclang_rt.asan-x86_64.a"),
    Tool("clang-format", "clang-format", "test", (14,)),
    Tool("clang-tidy", "clang-tidy", "test", (14,)),
    Tool("node", "nodejs", "node", (18,)),
    Tool("npm", "npm", "node"),
    Tool("babeltrace2", "babeltrace2", "compare", (2, 0)),
    Tool("chromium", "chromium", "test"),
)

REQUIREMENTS = {
    "bench": ROOT / "cli" / "requirements.txt",
    "grid": ROOT / "cli" / "requirements-grid.txt",
    "disk": ROOT / "cli" / "requirements-disk.txt",
    "test": ROOT / "cli" / "requirements-test.txt",
}
NPM_FOLDER = ROOT / "tests" / "perfetto"
