# SPDX-License-Identifier: Apache-2.0
"""The arguments of the campaigns: commands that run many machines and look for the one that fails. Nothing here needs
more than the standard library; what a command does is in the module of its name."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from typing import Any

from weft.variants import DESIGN, DESIGNS

Commands = Any  # what add_subparsers() gives
Functions = Mapping[str, Callable[[argparse.Namespace], int]]


def add(commands: Commands, functions: Functions) -> None:
    """Every campaign, with the function that carries it out."""
    _add_explore(commands, functions)
    _add_fuzz(commands, functions)
    _add_fuzz_trace(commands, functions)
    _add_faults(commands, functions)
    _add_powercut(commands, functions)


def add_design(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--design", default=DESIGN, metavar="NAME",
        help=f"how CPUs work together: {', '.join(DESIGNS)} (default: {DESIGN}; docs/designs.md)",
    )


def _add_explore(commands: Commands, functions: Functions) -> None:
    explore = commands.add_parser(
        "explore",
        help="run guest tests under many interleavings and find the seed that fails",
        epilog="example: ./weft explore test_ipc --seeds 200; then, if seed 17 failed:"
        " ./weft explore test_ipc --seed 17",
    )
    explore.add_argument(
        "programs", nargs="*", metavar="PROGRAM", help="a program or PROGRAM::TEST (default: see --list)"
    )
    explore.add_argument("--list", action="store_true", help="name what can be explored")
    explore.add_argument("--seeds", metavar="N", help="so many seeds (default: 1000)")
    explore.add_argument("--first-seed", metavar="S", help="from this one on (default: 1)")
    explore.add_argument("--seed", metavar="S", help="this one only")
    explore.add_argument("--cpus", default="4", metavar="N", help="1 to 255 (default: 4)")
    add_design(explore)
    explore.add_argument("--append", default="", metavar="TEXT", help="added to the kernel's command line")
    explore.add_argument("--jobs", metavar="N", help="machines at a time (default: the host's cores)")
    explore.add_argument(
        "--timeout", default="120", metavar="SECONDS", help="a run that takes longer hangs (default: 120)"
    )
    explore.add_argument(
        "--failures", default="5", metavar="N", help="leave a program after so many; 0: never (default: 5)"
    )
    explore.add_argument("--out", metavar="DIR", help="folder for what failed (default: out/explore)")
    explore.set_defaults(function=functions["explore"])


def _add_fuzz(commands: Commands, functions: Functions) -> None:
    fuzz = commands.add_parser(
        "fuzz",
        help="make random system calls by the million, and see the kernel survive them",
        epilog="example: ./weft fuzz --seeds 50 --calls 100000; then, if seed 17 failed with 4 CPUs:"
        " ./weft fuzz --seed 17 --cpus 4",
    )
    fuzz.add_argument("--seeds", metavar="N", help="so many seeds, each with each number of CPUs (default: 10)")
    fuzz.add_argument("--first-seed", metavar="S", help="from this one on (default: 1)")
    fuzz.add_argument("--seed", metavar="S", help="this one only")
    fuzz.add_argument("--cpus", default="1,2,4,8", metavar="N,...", help="numbers of CPUs (default: 1,2,4,8)")
    fuzz.add_argument("--calls", default="100000", metavar="M", help="system calls per run (default: 100000)")
    fuzz.add_argument(
        "--accel", default="tcg", metavar="WAY", help="tcg, or icount: slower, and the same every time (default: tcg)"
    )
    add_design(fuzz)
    fuzz.add_argument("--append", default="", metavar="TEXT", help="added to the kernel's command line")
    fuzz.add_argument("--jobs", metavar="N", help="machines at a time (default: the host's cores)")
    fuzz.add_argument(
        "--timeout", default="180", metavar="SECONDS", help="a run that takes longer hangs (default: 180)"
    )
    fuzz.add_argument("--out", metavar="DIR", help="folder for what failed (default: out/fuzz)")
    fuzz.set_defaults(function=functions["fuzz"])


def _add_fuzz_trace(commands: Commands, functions: Functions) -> None:
    fuzz = commands.add_parser(
        "fuzz-trace",
        help="give broken captures to the trace tools by the million, under sanitizers",
        epilog="example: ./weft fuzz-trace --inputs 10000000; then, if an input failed:"
        " ./weft fuzz-trace --input out/fuzz-trace/trace_reader_fuzz-crash-...",
    )
    fuzz.add_argument("--inputs", metavar="N", help="so many of them (default: 1000000)")
    fuzz.add_argument("--input", metavar="FILE", help="only this one, which was kept because it failed")
    fuzz.add_argument("--seed", default="1", metavar="S", help="of the mutations (default: 1)")
    fuzz.add_argument("--jobs", metavar="N", help="processes at a time (default: the host's cores)")
    fuzz.add_argument(
        "--timeout", default="10", metavar="SECONDS", help="an input that takes longer hangs (default: 10)"
    )
    fuzz.add_argument("--failures", default="10", metavar="N", help="end after so many (default: 10)")
    fuzz.add_argument(
        "--out", metavar="DIR", help="folder for what failed and for the corpus (default: out/fuzz-trace)"
    )
    fuzz.set_defaults(function=functions["fuzz_trace"])


def _add_faults(commands: Commands, functions: Functions) -> None:
    faults = commands.add_parser(
        "faults",
        help="put faults into running drivers and servers, and see the system go on",
        epilog="example: ./weft faults --seeds 400 --faults 50; then, if seed 17 failed:"
        " ./weft faults --seed 17 --faults 50",
    )
    faults.add_argument(
        "--endure", metavar="MINUTES", help="one machine for so long, with a service killed every second, instead; takes --cpus,"
        " --accel, --append, --no-iommu and --out",
    )
    faults.add_argument("--seeds", metavar="N", help="so many boots (default: 10)")
    faults.add_argument("--first-seed", metavar="S", help="from this seed on (default: 1)")
    faults.add_argument("--seed", metavar="S", help="this one only")
    faults.add_argument("--faults", metavar="M", help="faults in each boot (default: 50)")
    faults.add_argument("--cpus", default="4", metavar="N", help="CPUs of each machine (default: 4)")
    faults.add_argument("--accel", metavar="WAY", help="icount or tcg (default: icount; with --endure tcg)")
    faults.add_argument(
        "--append", default="", metavar="TEXT", help="added to the kernel's command line, such as service=disk kind=code"
    )
    faults.add_argument(
        "--with", dest="images", metavar="IMAGE,...",
        help="who uses the disk: disk (a client), files (the file system); seeds take turns (default: all)",
    )  # fmt: skip
    faults.add_argument("--no-iommu", action="store_true", help="devices reach all of the memory")
    faults.add_argument("--jobs", metavar="N", help="machines at a time (default: the host's cores)")
    faults.add_argument(
        "--timeout", metavar="SECONDS", help="give a boot up after this (default: 900)"
    )
    faults.add_argument("--out", metavar="DIR", help="folder for the records and for what failed (default: out/faults)")
    faults.set_defaults(function=functions["faults"])


def _add_powercut(commands: Commands, functions: Functions) -> None:
    cut = commands.add_parser(
        "powercut",
        help="cut the power while files are written, and look for what was synced",
        epilog="example: ./weft powercut --cuts 500; ./weft powercut --lost --cuts 10000",
    )
    cut.add_argument("--cuts", default="100", metavar="N", help="so many cuts (default: 100)")
    cut.add_argument("--seed", default="1", metavar="S", help="of instants and of what is written (default: 1)")
    cut.add_argument("--lost", action="store_true",
                     help="cut in a log of one guest's writes, and lose any part of those not flushed")
    cut.add_argument("--plant", choices=("deaf",), help="with --lost: a disk that forgets its flushes; must be noticed")
    cut.add_argument("--cpus", default="4", metavar="N", help="1 to 255 (default: 4)")
    cut.add_argument("--jobs", metavar="N", help="machines at a time (default: the host's cores)")
    cut.add_argument("--timeout", default="120", metavar="SECONDS", help="a guest that takes longer hangs (default: 120)")
    cut.add_argument("--out", metavar="DIR", help="folder for what failed (default: out/powercut)")
    cut.set_defaults(function=functions["powercut"])
