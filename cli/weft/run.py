# SPDX-License-Identifier: Apache-2.0
"""Boot a program and keep what it leaves behind: what `weft run` does.

    request = check(arguments)      refuse absurd values before anything is installed or built
    run(request)                    build, boot, show the console, take the capture, convert it

The folder for the results holds console.log, trace.weft and trace.pftrace of this run, trace.1.weft
and so on of triggers, and trace.boot2.weft and so on of a guest that started again; what an earlier run left there under these names is removed first. The exit code is 0 when the guest
powered off with status 0, the guest's status (1 to 99) if it had one, otherwise 1.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

from weft import build, display
from weft.accel import resolve_accel
from weft.bench.environment import commit_of
from weft.display import Picture, read_picture
from weft.failure import Failure
from weft.flight import Recorder, Triggers, read_triggers
from weft.image import ImageError, programs_of, read_entry, write_image
from weft.machine import Machine, MachineConfig, MachineError, Outcome, parse_size
from weft.machine_config import ACCELERATORS, TIMEOUT_MAX, UsageError, make_disk
from weft.mask import requests_of
from weft.network import announce as announce_ports
from weft.network import read_network
from weft.paths import BUILD, ROOT
from weft.stream import Stream
from weft.terminal import Terminal

SELF_TEST = "selftest"
GDB_PORT = 1234
GDB_SECONDS = 86400.0  # a person at a debugger is not in a hurry
CAPTURE = "trace.weft"
MANIFEST_ROOMS = ("userspace/apps", "bench/guest", "bench/throughput", "tests/*")
WISH = re.compile(r"\s*#\s*weft-run:")
RESULTS = ("console.log", CAPTURE, "trace.pftrace")
CAPTURES = ("flight", "once", "stream")


@dataclass(frozen=True)
class Request:
    """A run as it was asked for. `config` lacks the kernel, the image and the settled accelerator."""

    program: str
    accel: str
    profile: str
    trace: bool
    design: str
    stream: bool
    triggers: Triggers | None
    picture: Picture | None
    out: Path
    config: MachineConfig


def wishes_of(program: str | None) -> list[str]:
    """The options that a program's manifest wants by default: what stands behind `# weft-run:` in it."""
    try:
        text = _manifest_of(program or SELF_TEST)
        lines = [line.split("weft-run:", 1)[1] for line in text.splitlines() if WISH.match(line)]
        return [word for line in lines for word in shlex.split(line)]
    except (OSError, ValueError, ImageError) as error:
        raise Failure(f"{program}: {error}", code=2) from error


def _manifest_of(program: str) -> str:
    """Its text; empty where there is none, or no such program: that is told later."""
    if program.endswith(".cpio"):
        image = Path(program)
        return read_entry(image.read_bytes(), "manifest").decode(errors="replace") if image.is_file() else ""
    if _is_path(program):
        files = [Path(program)]
    else:
        files = [path for room in MANIFEST_ROOMS for path in (ROOT / room).glob(f"{program}.manifest")]
    return next((file.read_text(encoding="utf-8", errors="replace") for file in files if file.is_file()), "")


def check(arguments: argparse.Namespace) -> Request:
    """The request in the command line. Raises UsageError or Failure for what cannot work."""
    accel = arguments.accel
    if accel not in ("auto", *ACCELERATORS):
        raise UsageError(f"unknown accelerator {accel!r} (have: auto, {', '.join(ACCELERATORS)})")
    build.variant(arguments.profile, design=arguments.design)
    if arguments.capture not in CAPTURES:
        raise UsageError(f"unknown way to capture {arguments.capture!r} (have: {', '.join(CAPTURES)})")
    if arguments.capture == "stream" and arguments.no_trace:
        raise UsageError("with --no-trace there is nothing to stream")
    once = ["trace_once=1"] if arguments.capture == "once" else []
    triggers = read_triggers(arguments.trigger, arguments.trigger_limit, arguments.trigger_stop)
    if triggers and (arguments.no_trace or arguments.capture != "flight"):
        raise UsageError("a --trigger needs --capture flight and a kernel with tracing")
    picture = read_picture(arguments.screenshot, arguments.after)
    if picture and arguments.reboots != "0":
        raise UsageError("--screenshot ends the run, so --reboots has no meaning with it")
    config = MachineConfig(
        kernel=Path(__file__),  # any file that exists: the kernel is not built yet
        cpus=whole_number("cpus", arguments.cpus),
        memory=parse_size(arguments.mem, unit="m"),
        accel="tcg" if accel == "auto" else accel,
        cpu_model=arguments.cpu,
        command_line=" ".join([*once, *filter(None, [arguments.append])]),
        seed=None if arguments.seed is None else whole_number("seed", arguments.seed),
        timeout=GDB_SECONDS if arguments.gdb else seconds_of(arguments.timeout),
        gdb=GDB_PORT if arguments.gdb else None,
        devices=tuple(arguments.device),
        disk=_disk(arguments.disk, arguments.disk_size),
        disk_iops=whole_number("disk-iops", arguments.disk_iops),
        iommu=arguments.iommu,
        network=read_network(arguments.net, arguments.forward),
        reboots=whole_number("reboots", arguments.reboots),
        display=arguments.display or ("none" if picture else ""),
        terminal=arguments.terminal,
    )
    config.validate()
    program = arguments.program or SELF_TEST
    if _is_path(program) and not Path(program).is_file():
        raise UsageError(f"no file {program}")
    out = _prepare(Path(arguments.out))
    return Request(program, accel, arguments.profile, not arguments.no_trace, arguments.design,
                   arguments.capture == "stream", triggers, picture, out, config)


def run(request: Request) -> int:
    """Build and boot what was asked for; returns the exit code."""
    out = request.out
    config = replace(
        request.config,
        kernel=build.kernel(request.profile, request.trace, request.design),
        image=_build(request),
        accel=resolve_accel(request.accel, BUILD / "accel.json", request.config.cpu_model),
    )
    config.validate()
    display.check(config)
    if config.network:
        config.network.check()
    if config.gdb:
        print(f"weft: waiting for: gdb {config.kernel} -ex 'target remote localhost:{config.gdb}'")
    with contextlib.ExitStack() as stack:
        log = stack.enter_context((out / "console.log").open("w", encoding="utf-8"))
        terminal = stack.enter_context(Terminal(lambda line: _log(log, line))) if config.terminal else None

        def on_line(line: str) -> None:
            _log(log, line)
            print(line, flush=True)

        on_any = (terminal.line, terminal.data) if terminal else (on_line,)
        with Machine(config, *on_any) as machine, requests_of(machine):
            if terminal:
                terminal.attach(machine)
            triggers, extra = request.triggers, {"commit": commit_of(ROOT)}
            recorder = Recorder(machine, build.host_tool(), out / CAPTURE, triggers, extra) if triggers else None
            keeper = Keeper(machine, out, request.stream, recorder) if request.trace else None
            display.announce(machine)
            announce_ports(machine)
            try:
                if request.picture:
                    request.picture.take(machine)
                outcome = machine.wait(on_reset=keeper.reset if keeper else None)
            except KeyboardInterrupt:
                machine.stop("interrupted")
                if keeper:
                    keeper.finish()
                raise
            kept = keeper is not None and keeper.finish()
    meant = (recorder and recorder.stopped, request.picture and request.picture.taken, terminal and terminal.ended)
    if any(meant):
        outcome = replace(outcome, kind="ok")
    return _report(config, outcome, out, kept)


def whole_number(what: str, text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,20}", text):
        raise UsageError(f"{what} must be a whole number, not {text!r}")
    return int(text)


def _log(log: TextIO, line: str) -> None:
    log.write(line + "\n")


def _disk(name: str | None, size: str | None) -> Path | None:
    """The file of the disk, which is made where it is missing and a size is given."""
    if size is not None and name is None:
        raise UsageError("--disk-size says how large the file of --disk shall be")
    disk = Path(name) if name else None
    if disk is None or size is None or disk.exists():
        return disk
    make_disk(disk, parse_size(size, unit="m"))
    return disk


def seconds_of(text: str) -> float:
    if text == "none":
        return TIMEOUT_MAX
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"timeout must be a number of seconds, not {text!r}") from None


def _is_path(program: str) -> bool:
    return "/" in program or program.endswith((".manifest", ".cpio"))


def _prepare(out: Path) -> Path:
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name in [*(out / name for name in RESULTS), *out.glob("trace.*.weft"), *out.glob("trace.*.pftrace")]:
            name.unlink(missing_ok=True)
    except OSError as error:
        raise Failure(f"cannot write to {out}: {error.strerror}", code=2) from error
    return out


def _build(request: Request) -> Path:
    """Build what the run needs, and nothing else; returns the boot image."""
    program, out = request.program, request.out
    needed = [build.kernel(request.profile, request.trace, request.design), build.host_tool()]
    if program.endswith(".cpio"):
        build.build(needed)
        return Path(program)
    if not _is_path(program):
        image = build.image(program)
        try:
            build.build([*needed, image])
        except build.UnknownTarget as error:
            if absent := _absent(program, error.targets):
                raise _lacks_source(program, absent) from error
            have = sorted(Path(name).stem for name in error.targets if name.endswith(".cpio"))
            raise Failure(f"no program {program!r} (have: {', '.join(have) or 'none'})", code=2) from error
        return image
    manifest = Path(program)
    try:
        names = ["init", *programs_of(manifest.read_text(encoding="utf-8"))]
        build.build([*needed, *map(build.packed, names)])
        image = out / "image.cpio"
        write_image(image, [*((name, build.packed(name)) for name in names), ("manifest", manifest)])
    except build.UnknownTarget as error:
        name = Path(error.target).name
        if any(ROOT.glob(f"userspace/*/{name}/program.toml")):  # it has a port
            raise _lacks_source(program, name) from error
        raise Failure(f"{program}: there is no program {name}", code=2) from error
    except (ImageError, UnicodeDecodeError) as error:
        raise Failure(f"{program}: {error}", code=2) from error
    return image


def _lacks_source(program: str, absent: str) -> Failure:
    return Failure(f"{program} needs {absent}, which is not built as its source is missing: ./weft setup fetches it")


def _absent(program: str, targets: Collection[str]) -> str:
    """Programs that the image should have, and that cannot be built: those with a port that was not fetched."""
    packed = {Path(target).name for target in targets if Path(target).parent.name == "stripped"}
    return ", ".join(name for name in programs_of(_manifest_of(program)) if name not in packed)


class Keeper:
    """Takes the captures of a run, one for each boot, and converts them at the end."""

    def __init__(self, machine: Machine, out: Path, stream: bool = False, recorder: Recorder | None = None) -> None:
        self._machine, self._out, self._streams, self._recorder = machine, out, stream, recorder
        self._tool, self._extra = build.host_tool(), {"commit": commit_of(ROOT)}
        self._taken: list[Path] = []
        self._begin(out / CAPTURE)

    def _begin(self, capture: Path) -> None:
        self._capture = capture
        self._stream = Stream(self._machine, self._tool, capture) if self._streams else None

    def reset(self) -> Callable[[], None]:
        """The guest has reset, and will start again."""
        boot = self._machine.reboots
        print(f"weft: the guest has reset; boot {boot + 1}", flush=True)
        self._take({"outcome": "reset", "boot": boot})
        return lambda: self._begin(self._out / f"trace.boot{boot + 1}.weft")

    def _take(self, more: dict[str, object]) -> bool:
        """Says why if it fails, as the run itself may be fine."""
        try:
            if self._stream:
                self._stream.finish({**self._extra, **more})
            else:
                self._machine.capture(self._capture, self._tool, {**self._extra, **more})
        except MachineError as error:
            print(f"weft: no trace: {error}", file=sys.stderr)
            return False
        self._taken.append(self._capture)
        return True

    def finish(self) -> bool:
        """After the end. Is there a capture of the last boot, with its timeline?"""
        boot = self._machine.reboots + 1
        try:
            if self._recorder:
                self._taken += [taken.path for taken in self._recorder.finish()]
        except MachineError as error:
            print(f"weft: no captures of triggers: {error}", file=sys.stderr)
        took = self._take({"boot": boot} if self._machine.config.reboots else {})
        converted = [_convert(self._tool, capture) for capture in self._taken]
        return took and all(converted)


def _convert(tool: Path, capture: Path) -> bool:
    argv = [tool, "convert", capture, "-o", capture.with_suffix(".pftrace")]
    done = subprocess.run(argv, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        print(f"weft: the trace cannot be converted: {last}", file=sys.stderr)
        return False
    return True


def _report(config: MachineConfig, outcome: Outcome, out: Path, kept: bool) -> int:
    sys.stdout.flush()
    what = (outcome.reason or "ok") if outcome.ok else f"{outcome.kind}: {outcome.reason}"
    cpus = "1 CPU" if config.cpus == 1 else f"{config.cpus} CPUs"
    print(f"weft: {cpus}, {config.accel}, {outcome.seconds:.1f} s: {what}")
    if kept:
        print(f"weft: timeline in {out / 'trace.pftrace'} (./weft view {out / 'trace.pftrace'})")
    if outcome.ok:
        return 0
    sys.stdout.flush()
    print(f"weft: console in {out / 'console.log'}", file=sys.stderr)
    print(f"weft: by hand: {config.standalone_command()}", file=sys.stderr)
    print(f"weft: debugger: the same with -gdb tcp::{GDB_PORT} -S, then gdb {config.kernel}", file=sys.stderr)
    return outcome.status if outcome.kind == "failed" and outcome.status else 1
