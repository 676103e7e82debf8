# SPDX-License-Identifier: Apache-2.0
"""The command line: which subcommands there are, and how they fail.

Each subcommand is a function from parsed arguments to an exit code. It sets up what it needs, so
that every command works in a fresh clone. `main` turns what may go wrong into one line on stderr:
1 = it failed, 2 = asked wrongly, 130 = interrupted.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from weft import campaign_arguments, interrupt
from weft.failure import Failure
from weft.machine_config import UsageError
from weft.paths import PYTHON_ROOTS, ROOT, VENV, VENV_PYTHON

INTERRUPTED = 130


class Parser(argparse.ArgumentParser):
    """Argument errors in one line, without the usage text."""

    def error(self, message: str) -> NoReturn:
        raise Failure(f"{message} (see ./{self.prog} --help)", code=2)


def command_setup(arguments: argparse.Namespace) -> int:
    from weft import setup

    if arguments.check:
        return setup.check(arguments.level)
    setup.setup(arguments.level, quiet=False)
    return 0


def command_build(arguments: argparse.Namespace) -> int:
    from weft import build, setup

    setup.setup("run")
    build.build(arguments.targets, quiet=False)
    return 0


def command_run(arguments: argparse.Namespace) -> int:
    from weft import run, setup

    request = run.check(arguments)
    setup.setup("run")
    return run.run(request)


def command_explore(arguments: argparse.Namespace) -> int:
    from weft import explore, setup

    if arguments.list:
        return explore.show_list()
    request = explore.check(arguments)
    setup.setup("run")
    return explore.explore(request)


def command_fuzz(arguments: argparse.Namespace) -> int:
    from weft import fuzz, setup

    request = fuzz.check(arguments)
    setup.setup("run")
    return fuzz.fuzz(request)


def command_faults(arguments: argparse.Namespace) -> int:
    from weft import endure, faults, setup

    if arguments.endure is not None:
        endurance = endure.check(arguments)
        setup.setup("run")
        return endure.endure(endurance)
    request = faults.check(arguments)
    setup.setup("run")
    return faults.faults(request)


def command_powercut(arguments: argparse.Namespace) -> int:
    from weft import powercut_request, setup

    request = powercut_request.check(arguments)
    setup.setup("disk")
    setup.setup("bench")
    _in_environment(*sys.argv[1:])
    from weft import powercut

    return powercut.powercut(request)


def command_fuzz_trace(arguments: argparse.Namespace) -> int:
    from weft import fuzz_trace, setup

    request = fuzz_trace.check(arguments)
    setup.setup("fuzz")
    return fuzz_trace.fuzz_trace(request)


def command_bench(arguments: argparse.Namespace) -> int:
    from weft import setup

    setup.setup("bench")
    _in_environment("bench", *arguments.rest)
    from weft.bench import main as bench

    return int(bench(arguments.rest) or 0)


def command_test(arguments: argparse.Namespace) -> int:
    from weft import build, setup

    setup.setup("test")
    build.build(["tests"])
    os.environ["PYTHONPATH"] = os.pathsep.join(str(ROOT / part) for part in PYTHON_ROOTS)
    os.chdir(ROOT)
    sys.stdout.flush()
    os.execv(VENV_PYTHON, [str(VENV_PYTHON), "-m", "pytest", *arguments.rest])


def command_trace(arguments: argparse.Namespace) -> int:
    from weft import build, setup

    if arguments.rest[:1] == ["sql"]:
        from weft import sql

        return sql.main(arguments.rest[1:])
    if arguments.rest[:1] == ["top"]:
        from weft import top

        return top.main(arguments.rest[1:])
    if arguments.rest[:1] == ["mask"]:
        from weft import mask

        return mask.main(arguments.rest[1:])
    setup.setup("run")
    tool = build.host_tool()
    build.build([tool])
    sys.stdout.flush()
    os.execv(tool, ["weft trace", *arguments.rest])


def command_simulate(arguments: argparse.Namespace) -> int:
    from weft import build, setup

    setup.setup("run")
    tool = build.BUILD / "host" / "weft-simulate"
    build.build([tool])
    sys.stdout.flush()
    os.execv(tool, ["weft simulate", *arguments.rest])


def command_view(arguments: argparse.Namespace) -> int:
    from weft import view

    return view.main(arguments)


def command_disk(arguments: argparse.Namespace) -> int:
    from weft import disk, setup

    disk.check_request(arguments)
    setup.setup("disk")
    _in_environment(*sys.argv[1:])
    return disk.main(arguments)


def command_loc(_: argparse.Namespace) -> int:
    from weft import loc

    return loc.main()


CAMPAIGNS = {
    "explore": command_explore,
    "fuzz": command_fuzz,
    "fuzz_trace": command_fuzz_trace,
    "faults": command_faults,
    "powercut": command_powercut,
}


def _in_environment(*arguments: str) -> None:
    """Go on in .venv's Python, which has the packages; returns when this already is it."""
    if os.path.realpath(sys.prefix) == os.path.realpath(VENV):
        return
    sys.stdout.flush()
    os.execv(VENV_PYTHON, [str(VENV_PYTHON), str(ROOT / "weft"), *arguments])


def make_parser() -> argparse.ArgumentParser:
    parser = Parser(prog="weft", description="Build, run, measure, trace and test the Weft microkernel.")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    _add_setup(commands)
    _add_run(commands)
    campaign_arguments.add(commands, CAMPAIGNS)
    _add_view(commands)
    _add_disk(commands)
    _add_forwarding(commands)
    loc = commands.add_parser("loc", help="count the kernel's lines of code")
    loc.set_defaults(function=command_loc)
    return parser


def _add_setup(commands: argparse._SubParsersAction[Parser]) -> None:
    from weft.needs import LEVELS

    setup = commands.add_parser("setup", help="install what is missing on this machine")
    setup.add_argument("--check", action="store_true", help="only report; 1 if something is missing")
    setup.add_argument(
        "--level", choices=LEVELS, default="test", help="how much of Weft shall work (default: test, all)"
    )
    setup.set_defaults(function=command_setup)
    build = commands.add_parser("build", help="build everything, or the given ninja targets")
    build.add_argument("targets", nargs="*", metavar="TARGET", help="a file below build/, or `tests`")
    build.set_defaults(function=command_build)


def _add_run(commands: argparse._SubParsersAction[Parser]) -> None:
    run = commands.add_parser(
        "run",
        help="boot a program (default: the self-test) and keep its timeline",
        epilog="example: ./weft run --cpus 8 --accel icount",
    )
    run.add_argument("program", nargs="?", help="a program's name, or a manifest file")
    run.add_argument("--cpus", default="4", metavar="N", help="1 to 255 (default: 4)")
    run.add_argument("--mem", default="256M", metavar="SIZE", help="guest memory, from 64M (default: 256M)")
    run.add_argument("--cpu", default="max", metavar="MODEL", help="QEMU's CPU model (default: max)")
    run.add_argument("--accel", default="auto", metavar="WAY", help="auto, tcg, icount or kvm (default: auto)")
    run.add_argument("--profile", default="test", metavar="NAME", help="test or bench (default: test)")
    campaign_arguments.add_design(run)
    run.add_argument("--no-trace", action="store_true", help="the kernel with tracing left out")
    run.add_argument(
        "--capture", default="flight", metavar="WAY",
        help="flight (recorder: what the rings hold at the end and at triggers; the newest events win), once (the"
        " first events win) or stream (all the while; default: flight)",
    )
    run.add_argument(
        "--trigger", action="append", default=[], metavar="WHAT",
        help="take a capture when this happens, trace.1.weft and so on: user:NAME (a program's event), latency:TIME"
        " (a slower call, such as latency:50us), signal (SIGUSR1 to weft), panic, assertion, timeout; may be repeated",
    )
    run.add_argument(
        "--reboots", default="0", metavar="N",
        help="start a guest that resets again, up to so many times, with a capture for each boot (default: 0)",
    )
    run.add_argument("--trigger-limit", default="5", metavar="N", help="so many captures (default: 5)")
    run.add_argument("--trigger-stop", action="store_true", help="end the guest at the first trigger")
    run.add_argument("--append", default="", metavar="TEXT", help="added to the kernel's command line")
    run.add_argument("--seed", metavar="N", help="seed of the schedule points in test kernels")
    run.add_argument("--device", action="append", default=[], metavar="NAME",
                     help="one more device of QEMU's, such as edu; may be given several times")
    run.add_argument("--disk", metavar="FILE", help="a raw file as virtio-blk disk; what the guest writes is in it")
    run.add_argument("--disk-size", metavar="SIZE", help="make the file of --disk, so large, where there is none")
    run.add_argument("--terminal", action="store_true",
                     help="a second serial port, joined with this terminal: for programs with a shell (docs/shell.md)")
    run.add_argument("--disk-iops", default="0", metavar="N",
                     help="the disk takes so many requests a second (default: 0, as many as it can)")
    run.add_argument("--display", default="", metavar="HOW",
                     help="a virtio-gpu display, seen by way of none, vnc, gtk or sdl (default: there is none)")
    run.add_argument("--screenshot", metavar="FILE", help="end the run with a picture of the display, a PNG file")
    run.add_argument("--after", metavar="SECONDS", help="when --screenshot is taken (default: 5)")
    run.add_argument("--iommu", action="store_true", help="a machine with Intel's IOMMU (QEMU's q35 and intel-iommu)")
    run.add_argument("--net", action="store_true",
                     help="a virtio-net device in a network of its own (docs/network.md)")
    run.add_argument("--forward", action="append", default=[], metavar="HOSTPORT:GUESTPORT",
                     help="with --net: a TCP port of this host's 127.0.0.1 (0: any free one, which is printed) that leads"
                     " to one of the guest; may be given several times")
    run.add_argument("--out", default="out/run", metavar="DIR", help="folder for the results (default: out/run)")
    run.add_argument("--gdb", action="store_true", help="wait for a debugger on localhost:1234")
    run.add_argument("--timeout", default="60", metavar="SECONDS", help="give up after this, or none (default: 60)")
    run.set_defaults(function=command_run)


def _add_view(commands: argparse._SubParsersAction[Parser]) -> None:
    view = commands.add_parser("view", help="show a timeline in Perfetto's UI, or a report whose links do")
    view.add_argument("file", nargs="?", help="a .pftrace or .weft file, or a report.html (default: the newest timeline)")
    view.add_argument("--offline", action="store_true", help="serve the UI too; needs no network once set up")
    view.add_argument("--screenshot", metavar="OUT.png", help="write a picture, with a headless Chromium")
    view.add_argument(
        "--report", nargs="?", const="out/bench", metavar="DIR",
        help="serve the report in DIR (default: out/bench), where a figure's link opens its timeline",
    )
    view.add_argument("--from", dest="start", type=int, metavar="NS", help="of the part to show: where it begins")
    view.add_argument("--to", dest="end", type=int, metavar="NS", help="of the part to show: where it ends")
    view.add_argument(
        "--tracks", metavar="NAMES", help="on top, or all of the picture: e.g. 'CPU ?,client*,server*'"
    )
    view.set_defaults(function=command_view)


def _add_disk(commands: argparse._SubParsersAction[Parser]) -> None:
    from weft import disk

    parser = commands.add_parser(
        "disk", help="make, check, list, read and write disks with files on them",
        epilog="example: ./weft disk make out/disk.img --size 64M docs; ./weft run --disk out/disk.img PROGRAM",
    )
    disk.add_arguments(parser)
    parser.set_defaults(function=command_disk)


def _add_forwarding(commands: argparse._SubParsersAction[Parser]) -> None:
    """Commands whose arguments belong to another program; `main` hands these over unparsed."""
    for name, (function, text) in FORWARDING.items():
        commands.add_parser(name, help=text, add_help=False).set_defaults(function=function)


FORWARDING = {
    "bench": (command_bench, "measure, and write out/bench/ with report and timeline"),
    "simulate": (command_simulate, "run scripted load on virtual CPUs with the kernel's policies"),
    "trace": (command_trace, "convert | stat | latency | path | diff | clock | check | dump a capture, ask it with sql; top: watch a guest; mask: switch what it records"),
    "test": (command_test, "run the test suite; arguments go to pytest"),
}


def dispatch(arguments: Sequence[str]) -> int:
    parser = make_parser()
    if not arguments or arguments[0] == "help":
        if len(arguments) > 1:
            return dispatch([arguments[1], "--help"])
        parser.print_help()
        return 0
    if arguments[0] in FORWARDING:
        rest = list(arguments[1:])
        return FORWARDING[arguments[0]][0](argparse.Namespace(rest=rest))
    parsed = parser.parse_args(arguments)
    if parsed.command == "run":
        parsed = _with_wishes(parser, parsed, list(arguments[1:]))
    return int(parsed.function(parsed))


def _with_wishes(parser: argparse.ArgumentParser, parsed: argparse.Namespace, given: list[str]) -> argparse.Namespace:
    """The same once more, behind what the program's manifest wants: so what was typed wins."""
    from weft import run

    wishes = run.wishes_of(parsed.program)
    try:
        parser.parse_args(["run", *wishes])
    except Failure as failure:
        raise Failure(f"the manifest of {parsed.program} has a line weft-run with {failure}", code=2) from failure
    return parser.parse_args(["run", *wishes, *given]) if wishes else parsed


def main(arguments: Sequence[str]) -> int:
    interrupt.watch()
    try:
        return dispatch(arguments)
    except Failure as failure:
        sys.stdout.flush()
        print(f"weft: {failure}", file=sys.stderr)
        return failure.code
    except UsageError as error:
        sys.stdout.flush()
        print(f"weft: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nweft: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone. Python must not complain when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
