#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write build.ninja and compile_commands.json at the root of the tree.

    ./configure.py && ninja              everything that runs: kernels, programs, images, host tool
    ninja tests                          the same plus what only the test suite needs (sanitizers)
    ./configure.py --profile bench --trace off      one kernel variant only

Sources are found by globbing the rooms that the tables below name, so adding a file to a room is
enough: ninja runs this script again when a directory of a room has changed. A room that is still
empty is left out and everything else is built.

What comes out, below build/:
    gen/                         headers and Python modules from kernel/abi and trace/schema
    <arch>/<variant>/kernel.elf  variant = test, bench, test-notrace, bench-notrace, and
                                 with another design test-lock, bench-lock-notrace, ...
    <arch>/ports/lib<name>.a     code of others, where set-up has fetched it (userspace/ports)
    <arch>/user/<program>.elf    init, bench, one per userspace/apps/*.c, test_<x> per guest test
    <arch>/images/<name>.cpio    boot images, one per manifest
    host/weft-trace[-asan]       the trace tool; host/tests/<name> the tests that run on the host
    host/linux-baseline          /init of the Linux that `weft bench --baseline linux` boots

Invariants: paths in build.ninja are relative to the root; a compile or link command depends on
nothing but this file, its options and the sources, so the same tree gives the same binaries.
"""

from __future__ import annotations

import argparse
import itertools
import json
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "cli"))

from weft.image import ImageError, default_manifest, programs_of  # noqa: E402 (path set first)
from weft.ninja import Ninja, write_atomically, write_if_new  # noqa: E402
from weft.ports import PortError, Ports  # noqa: E402
from weft.variants import DESIGN, DESIGNS, PROFILES, Variant, designs, is_of  # noqa: E402

BUILD = "build"
GEN = f"{BUILD}/gen"

ARCHITECTURES = ("x86_64",)

# Programs that write sources: script -> the files below build/gen that it writes.
GENERATORS = {
    "kernel/abi/generate.py": (
        "weft/abi.h",
        "weft/kernel_syscalls.h",
        "weft/syscalls.h",
        "weft/syscall_table.h",
        "python/weft_abi.py",
    ),
    "trace/schema/generate.py": (
        "weft/trace_events.h",
        "weft/trace_writers.h",
        "weft/trace_schema.h",
        "python/weft_trace_schema.py",
    ),
}
# What a generator reads beside its own room: traces name system calls and errors.
GENERATORS_READ_TOO = {"trace/schema/generate.py": ("kernel/abi/abi.toml",)}
OFFSETS_TOOL = "kernel/arch/offsets.py"
IMAGE_TOOL = "cli/weft/image.py"
OWN_MODULES = (IMAGE_TOOL, "cli/weft/ninja.py", "cli/weft/ports.py", "cli/weft/variants.py")

# Rooms: where each kind of source lives. `**` also takes the folders below. A path that goes
# through `arch/<name>/` belongs to that architecture alone.
KERNEL_ROOMS = ("kernel/**", "smp", "ipc", "trace/kernel")
LIBRARY_ROOM = "userspace/lib/**"
ONE_PROGRAM_PER_ROOM = {"init": "userspace/init", "bench": "bench/guest", "bench_throughput": "bench/throughput"}
TAKEN = {"bench_throughput": ("bench/guest", ("main", "common", "report", "distribution", "filler"))}  # of others' rooms
# Every folder in these is one program of its name, and a part of other programs' images.
ONE_PROGRAM_PER_FOLDER = ("userspace/drivers", "userspace/servers")
ONE_PROGRAM_PER_FILE = ("userspace/apps", "tests/explore", "tests/simulator")
GUEST_TEST_ROOMS = ("tests/guest", "tests/boot", "tests/kernel", "tests/ipc", "tests/smp")
HOST_TOOL_ROOM = "trace/host"
HOST_TOOL_MAIN = "trace/host/main.c"
HOST_TEST_ROOM = "tests/host"
SIMULATOR_ROOM = "simulator"
# What the simulator shares with the kernel.
SIMULATED = ("kernel/core/tree.c", "kernel/sched/policy_edf.c", "kernel/sched/policy_fair.c",
             "kernel/sched/policy_fixed.c")
# The Linux baseline: a static program for Linux, with the statistics of our own benchmarks.
LINUX_ROOM = "bench/linux"
LINUX_USES = ("bench/guest/distribution.c",)
MANIFEST_ROOMS = ("userspace/apps", "bench/guest", "bench/throughput", *GUEST_TEST_ROOMS)

WARNINGS = "-Wall -Wextra -Werror"
COMMON = f"-std=gnu2x -O2 -g -fdebug-compilation-dir=. {WARNINGS}"
FREESTANDING = (
    f"{COMMON} -ffreestanding -fno-pic -fno-stack-protector -fno-strict-aliasing"
    " -fno-asynchronous-unwind-tables"
)
LINK = "-nostdlib -static --build-id=none -z max-page-size=4096 -z noexecstack"


@dataclass(frozen=True)
class Architecture:
    """What the compiler and the linker must be told for one architecture."""

    target: str
    kernel: str
    user: str
    user_general_registers: str


TARGETS = {
    "x86_64": Architecture(
        target="--target=x86_64-unknown-none-elf",
        kernel="-mcmodel=kernel -mno-red-zone -mgeneral-regs-only",
        user="",
        user_general_registers="-mgeneral-regs-only",
    ),
}

# User code that is compiled without vector registers, so that it leaves the lazily kept FPU state
# of its callers alone and its instruction counts stay comparable.
GENERAL_REGISTER_ROOMS = ("userspace/lib/", "userspace/drivers/", "userspace/servers/", "bench/")

HOST_INCLUDES = f"-I. -Itrace/host -Ikernel/include -Iuserspace/lib/include -I{GEN}"
HOST = f"{COMMON} -D_GNU_SOURCE {HOST_INCLUDES}"
ADDRESS = "-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer"
# Counters for libFuzzer, and no hook at each comparison: the fuzz tests mutate by structure instead, and
# are twice as fast.
COUNTED = "-fprofile-instr-generate -fcoverage-mapping"
STEERED = "-fsanitize-coverage=inline-8bit-counters,pc-table"
# A host test is built by the end of its name. The first that fits counts.
#   suffix -> (flags for compile and link, the host tool's objects it may use, needs sanitizers)
HOST_TEST_KINDS = {
    "_tsan": ("-fsanitize=thread", None, True),
    "_fuzz": (f"{ADDRESS} -fsanitize=fuzzer", "asan", True),
    "_asan": (ADDRESS, "asan", True),
    "": ("", "plain", False),
}


def write_rules(ninja: Ninja, python: str) -> None:
    ninja.rule(
        "compile",
        "clang $flags -MD -MF $out.d -c $in -o $out",
        "compile $in",
        depfile="$out.d",
        deps="gcc",
    )
    ninja.rule("link", "ld.lld $flags $in -o $out", "link $out")
    ninja.rule("link_host", "clang -fuse-ld=lld $flags $in -o $out -pthread -lm", "link $out")
    ninja.rule("archive", "rm -f $out && llvm-ar rcsD $out $in", "archive $out")
    ninja.rule("generate", f"{python} $in --out {GEN}", "generate from $in", restat="1")
    ninja.rule(
        "offsets",
        f"clang $flags -MD -MF $out.d -MT $out -S $in -o $out.s && {python} {OFFSETS_TOOL} $out.s -o $out",
        "offsets $in",
        depfile="$out.d",
        deps="gcc",
        restat="1",
    )
    ninja.rule("strip", "llvm-objcopy --strip-all $in $out", "strip $in")
    ninja.rule("flatten", "llvm-objcopy -O binary $in $out", "flatten $in")
    ninja.rule("image", f"{python} {IMAGE_TOOL} $out $entries", "image $out")


def write_generated(ninja: Ninja) -> None:
    """The generated sources, all behind the target `generated` that every compile waits for."""
    made = []
    for script, outputs in GENERATORS.items():
        room = str(Path(script).parent)
        inputs = ninja.sources(room, None, (".toml", ".py"))
        if script not in inputs:
            print(f"configure: {script} is missing, its headers are not generated")
            continue
        inputs.remove(script)
        paths = [f"{GEN}/{output}" for output in outputs]
        inputs += GENERATORS_READ_TOO.get(script, ())
        ninja.build(paths, "generate", [script], implicit=inputs)
        made += paths
    ninja.build(["generated"], "phony", made)


def write_kernel(ninja: Ninja, arch: str, variant: Variant) -> None:
    """One kernel. One with another design is built when it is asked for, and for tests."""
    script = f"kernel/arch/{arch}/kernel.ld"
    offsets = f"kernel/arch/{arch}/offsets.c"
    designed = variant.rooms(ROOT, arch)
    rooms = [ninja.sources(room, arch, (".c", ".S")) for room in (*KERNEL_ROOMS, designed[0])]
    sources = [source for room in rooms for source in room if source != offsets and is_of(source, designed)]
    if not (ROOT / script).exists() or not sources:
        print(f"configure: no kernel {variant.name}: {script} or the sources are missing")
        return
    folder = f"{BUILD}/{arch}/{variant.name}"
    target = TARGETS[arch]
    # Frame pointers are what a backtrace follows. In a bench kernel, whose instructions are counted, a
    # panic names the function where it is and no more.
    frame = " -fno-omit-frame-pointer" if variant.profile == "test" else " -fomit-frame-pointer"
    flags = (
        f"{target.target} {FREESTANDING} {target.kernel}{frame} {variant.defines(arch)}"
        f" -Ikernel/include -I. -Ikernel/arch/{arch}/include -I{GEN} -I{folder}/gen"
        f" {' '.join(f'-I{room}' for room in designed)}"
    )
    headers = ["generated"]
    if (ROOT / offsets).exists():
        header = f"{folder}/gen/arch/offsets.h"
        ninja.build([header], "offsets", [offsets], [OFFSETS_TOOL], ["generated"], flags=flags)
        headers.append(header)
    ready = f"{folder}/headers"
    ninja.build([ready], "phony", headers)
    objects = [ninja.compile(source, f"{folder}/obj", flags, ready) for source in sources]
    final = f"{folder}/kernel.elf"
    ninja.build([final], "link", objects, implicit=[script], flags=f"{LINK} -T {script}")
    if variant.design == DESIGN:
        ninja.products["all"].append(final)
    elif variant.profile == "test" and variant.trace:
        ninja.products["tests"].append(final)


def service_folders(ninja: Ninja) -> list[Path]:
    """The folders that are programs without an image of their own."""
    rooms = [ROOT / room for room in ONE_PROGRAM_PER_FOLDER if (ROOT / room).is_dir()]
    ninja.directories |= {room.relative_to(ROOT).as_posix() for room in rooms}
    return sorted(path for room in rooms for path in room.iterdir() if path.is_dir() and any(path.glob("*.c")))


def programs(ninja: Ninja, arch: str) -> dict[str, list[str]]:
    """The user programs of the tree: name -> sources."""
    found: dict[str, list[str]] = {}

    def add(name: str, sources: list[str]) -> None:
        if name in found:
            sys.exit(f"configure: two programs are called {name}: {found[name][0]}, {sources[0]}")
        found[name] = sources

    for name, room in ONE_PROGRAM_PER_ROOM.items():
        sources = ninja.sources(room, arch, (".c", ".S"))
        if sources:
            add(name, sources)
    for folder in service_folders(ninja):
        add(folder.name, ninja.sources(folder.relative_to(ROOT).as_posix(), arch, (".c", ".S")))
    for room in ONE_PROGRAM_PER_FILE:
        for source in ninja.sources(room, arch, (".c",)):
            add(Path(source).stem, [source])
    for room in GUEST_TEST_ROOMS:
        for source in ninja.sources(room, arch, (".c",)):
            add("test_" + Path(source).stem.removeprefix("test_"), [source])
    return found


def write_user(ninja: Ninja, arch: str) -> dict[str, str]:
    """The library's objects and every user program linked with them; returns name -> ELF file."""
    script = "userspace/lib/user.ld"
    library = ninja.sources(LIBRARY_ROOM, arch, (".c", ".S"))
    found = programs(ninja, arch)
    if not (ROOT / script).exists() or not library:
        print(f"configure: no user programs: {script} or the library's sources are missing")
        return {}
    folder = f"{BUILD}/{arch}/user"
    target = TARGETS[arch]
    common = f"{target.target} {FREESTANDING} {target.user} -ffunction-sections -fdata-sections"
    common += f" -Iuserspace/lib/include -Iuserspace -I{GEN}"
    ports = Ports(ROOT, ninja)
    ports.write(f"{BUILD}/{arch}/ports", f"{common} {target.user_general_registers}")

    def compile_one(source: str, more: str = "") -> str:
        flags = common + more
        if source.startswith(GENERAL_REGISTER_ROOMS):
            flags += f" {target.user_general_registers}"
        return ninja.compile(source, f"{folder}/obj", flags)

    library_objects = [compile_one(source, " -I.") for source in library]  # the layout of the trace
    link = f"{LINK} --gc-sections -T {script}"
    elfs = {}
    for name, sources in found.items():
        use = ports.use(Path(sources[0]).parent.as_posix())
        if use.absent:
            print(f"configure: no program {name}: there is no library {', '.join(use.absent)}")
            continue
        room, files = TAKEN.get(name, ("", ()))
        objects = [compile_one(source, use.flags + (f" -I{room}" if room else "")) for source in sources]
        objects += [f"{folder}/obj/{room}/{file}.c.o" for file in files]
        elfs[name] = f"{folder}/{name}.elf"
        ninja.build([elfs[name]], "link", objects + library_objects + use.archives, [script], flags=link)
    ninja.products["all"] += elfs.values()
    return elfs


def write_images(ninja: Ninja, arch: str, elfs: dict[str, str]) -> None:
    """One boot image per program: by <program>.manifest beside its source, or by a default one."""
    if "init" not in elfs:
        return
    stripped = {name: f"{BUILD}/{arch}/stripped/{name}" for name in elfs}
    for name, elf in elfs.items():
        # The kernel reads no file format: of init it gets the bare memory, which tells the rest.
        ninja.build([stripped[name]], "flatten" if name == "init" else "strip", [elf])
    parts = {"init", *(folder.name for folder in service_folders(ninja))}
    manifests = {name: default_manifest(name) for name in elfs if name not in parts}
    files = {}
    for room in MANIFEST_ROOMS:
        for path in ninja.sources(room, arch, (".manifest",)):
            files[Path(path).stem] = path
            manifests[Path(path).stem] = (ROOT / path).read_text(encoding="utf-8")
    ninja.configured_by += files.values()
    for image, text in manifests.items():
        try:
            needed = ["init", *programs_of(text)]
        except ImageError as error:
            sys.exit(f"configure: {files[image]}: {error}")
        absent = [name for name in needed if name not in elfs]
        if absent:
            print(f"configure: no image {image}: there is no program {', '.join(absent)}")
            continue
        manifest = files.get(image) or f"{BUILD}/{arch}/manifests/{image}"
        if image not in files:
            write_if_new(ROOT / manifest, text)
        output = f"{BUILD}/{arch}/images/{image}.cpio"
        inputs = [manifest, *(stripped[name] for name in needed)]
        entries = " ".join(f"{name}={stripped[name]}" for name in needed)
        ninja.build([output], "image", inputs, [IMAGE_TOOL], entries=f"{entries} manifest={manifest}")
        ninja.products["all"].append(output)


def write_host(ninja: Ninja) -> None:
    """The trace tool, plain and with AddressSanitizer, and the tests that run on the host."""
    sources = ninja.sources(HOST_TOOL_ROOM, None, (".c",))
    shared = {"plain": [], "asan": []}
    tool = {
        # Optimised as a whole: its loops call small functions of other files for each event.
        "plain": ("-flto=thin", f"{BUILD}/host/weft-trace", "all"),
        # The coverage hooks let the fuzz tests steer by the tool's own branches.
        "asan": (f"{ADDRESS} {STEERED}", f"{BUILD}/host/weft-trace-asan", "tests"),
    }
    for kind, (flags, binary, product) in tool.items():
        folder = f"{BUILD}/host/obj-{kind}"
        objects = {source: ninja.compile(source, folder, f"{HOST} {flags}") for source in sources}
        main = objects.pop(HOST_TOOL_MAIN, None)
        if main is None:
            continue
        if objects:
            shared[kind] = [f"{folder}/libweft-trace.a"]
            ninja.build(shared[kind], "archive", list(objects.values()))
        ninja.build([binary], "link_host", [main, *shared[kind]], flags=flags)
        ninja.products[product].append(binary)
    simulator = ninja.sources(SIMULATOR_ROOM, None, (".c",))
    if simulator:
        objects = [ninja.compile(source, f"{BUILD}/host/obj-simulator", HOST)
                   for source in (*simulator, *SIMULATED)]
        ninja.build([f"{BUILD}/host/weft-simulate"], "link_host", objects)
        ninja.products["all"].append(f"{BUILD}/host/weft-simulate")
    for source in ninja.sources(HOST_TEST_ROOM, None, (".c",)):
        name = Path(source).stem
        suffix = next(end for end in HOST_TEST_KINDS if name.endswith(end))
        flags, library, sanitizer = HOST_TEST_KINDS[suffix]
        item = ninja.compile(source, f"{BUILD}/host/obj-tests", f"{HOST} {flags}")
        binary = f"{BUILD}/host/tests/{name}"
        inputs = [item, *(shared[library] if library else [])]
        ninja.build([binary], "link_host", inputs, flags=flags)
        ninja.products["tests" if sanitizer else "all"].append(binary)
    write_coverage(ninja, sources)


def write_coverage(ninja: Ninja, tool_sources: list[str]) -> None:
    """The fuzz tests of the trace tool with counters, to see what a corpus reaches; built when they are
    asked for."""
    folder = f"{BUILD}/host/obj-coverage"
    flags = f"{HOST} {COUNTED}"
    library = [ninja.compile(source, folder, flags) for source in tool_sources if source != HOST_TOOL_MAIN]
    ninja.build([f"{folder}/libweft-trace.a"], "archive", library)
    for source in ninja.sources(HOST_TEST_ROOM, None, (".c",)):
        name = Path(source).stem
        if name.startswith("trace_") and name.endswith("_fuzz"):
            item = ninja.compile(source, folder, f"{flags} -fsanitize=fuzzer")
            binary = f"{BUILD}/host/coverage/{name}"
            ninja.build([binary], "link_host", [item, f"{folder}/libweft-trace.a"],
                        flags=f"{COUNTED} -fsanitize=fuzzer")


def write_linux_baseline(ninja: Ninja) -> None:
    """The program that is /init of the Linux baseline; built when it is asked for, and for tests."""
    sources = ninja.sources(LINUX_ROOM, None, (".c",))
    if not sources:
        return
    sources = [*sources, *LINUX_USES]
    folder = f"{BUILD}/host/obj-linux"
    objects = [ninja.compile(source, folder, f"{COMMON} -D_GNU_SOURCE -I.") for source in sources]
    binary = f"{BUILD}/host/linux-baseline"
    ninja.build([binary], "link_host", objects, flags="-static")
    ninja.products["tests"].append(binary)


def write_tail(ninja: Ninja, options: list[str], python: str) -> None:
    """The collecting targets, and the rule that runs this script again when a room has changed."""
    everything = ninja.products["all"]
    ninja.build(["all"], "phony", everything)
    ninja.build(["tests"], "phony", ["all", *ninja.products["tests"]])
    ninja.lines += ["default all", ""]
    arguments = shlex.join(["configure.py", *options])
    ninja.rule("configure", f"{python} {arguments}", "configure", generator="1")
    directories = sorted(ninja.directories)
    ninja.build(["build.ninja"], "configure", [], implicit=[*ninja.configured_by, *directories])
    # What has been deleted must not stop the build: it only makes it look again.
    ninja.build([*ninja.configured_by, *directories], "phony", [])


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Write build.ninja and compile_commands.json.")
    parser.add_argument("--arch", choices=ARCHITECTURES, default="x86_64")
    parser.add_argument("--profile", choices=(*PROFILES, "all"), default="all")
    parser.add_argument("--trace", choices=("on", "off", "all"), default="all")
    parser.add_argument("--design", choices=(*DESIGNS, "all"), default="all")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> None:
    options = parse(arguments)
    python = shlex.quote(getattr(sys, "_base_executable", None) or sys.executable)
    profiles = PROFILES if options.profile == "all" else (options.profile,)
    traces = {"on": (True,), "off": (False,), "all": (True, False)}[options.trace]

    ninja = Ninja(ROOT, ["configure.py", *OWN_MODULES])
    ninja.lines += [
        "# Written by configure.py; do not edit.",
        "ninja_required_version = 1.10",
        f"builddir = {BUILD}",
        "",
    ]
    write_rules(ninja, python)
    write_generated(ninja)
    for profile, trace, design in itertools.product(profiles, traces, designs(ROOT, options.design)):
        write_kernel(ninja, options.arch, Variant(profile, trace, design))
    try:
        elfs = write_user(ninja, options.arch)
    except PortError as error:
        sys.exit(f"configure: {error}")
    write_images(ninja, options.arch, elfs)
    write_host(ninja)
    write_linux_baseline(ninja)
    write_tail(ninja, arguments, python)

    write_atomically(ROOT / "build.ninja", "\n".join(ninja.lines) + "\n")
    commands = json.dumps(list(ninja.commands.values()), indent=1)
    write_atomically(ROOT / "compile_commands.json", commands + "\n")


if __name__ == "__main__":
    if sys.version_info < (3, 11):
        sys.exit("configure: needs Python 3.11 or newer, this is " + sys.version.split()[0])
    main(sys.argv[1:])
