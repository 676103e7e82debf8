# SPDX-License-Identifier: Apache-2.0
"""The guest's display: where it can be looked at, and a picture of it.

    picture = read_picture("out/shot.png", "5")       what --screenshot and --after say
    check(config)                                     has QEMU the window that is wanted?
    announce(machine)                                 one line, if the display is shown by VNC
    picture.take(machine)                             waits, writes the file, ends the machine
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from weft.failure import Failure
from weft.machine import Machine, MachineError, MachineTimeout, QmpError
from weft.machine_config import MachineConfig, UsageError

SCREENDUMP_SECONDS = 30.0
AFTER = 5.0  # seconds from the start to the picture, where nothing else is said


@dataclass
class Picture:
    path: Path
    after: float  # seconds from the start of the machine
    taken: bool = field(default=False, init=False)

    def take(self, machine: Machine) -> None:
        """Raises Failure if the machine ends before, or QEMU cannot write the file."""
        try:
            for _ in machine.lines(self.after):
                pass
        except MachineTimeout:
            screendump(machine, self.path)
            self.taken = True
            machine.stop(f"the picture was taken: {self.path}")
            return
        raise Failure(f"no picture: the machine ended before {self.after:g} s (try a smaller --after)")


def read_picture(path: str | None, after: str | None) -> Picture | None:
    """Raises UsageError for what cannot work; None: no picture is wanted."""
    if path is None:
        if after is not None:
            raise UsageError("--after says when --screenshot is taken")
        return None
    try:
        seconds = AFTER if after is None else float(after)
    except ValueError:
        raise UsageError(f"after must be a number of seconds, not {after!r}") from None
    if not 0 < seconds < 86400:
        raise UsageError(f"after must be more than 0 seconds and less than a day, not {after}")
    file = Path(path)
    if file.suffix != ".png":
        raise UsageError(f"a screenshot is a PNG file: {path!r} should end in .png")
    if not file.parent.is_dir():
        raise UsageError(f"no folder {file.parent} for the screenshot")
    return Picture(file, seconds)


def screendump(machine: Machine, path: Path) -> None:
    """What the display shows now, as a PNG file."""
    arguments = {"filename": str(path.absolute()), "format": "png"}
    try:
        machine.qmp("screendump", arguments, SCREENDUMP_SECONDS)
    except (MachineError, QmpError) as error:
        raise Failure(f"no picture: {error}") from error


def check(config: MachineConfig) -> None:
    """Raises Failure if QEMU has no such window."""
    if config.display in ("gtk", "sdl"):
        done = subprocess.run([config.qemu, "-display", "help"], capture_output=True, text=True, timeout=20)
        if config.display not in done.stdout.split():
            raise Failure(f"this QEMU has no {config.display} window (install qemu-system-gui, or use --display vnc)")


def announce(machine: Machine) -> None:
    """Says where a display that VNC shows is to be found: QEMU has chosen the port."""
    if machine.config.display == "vnc":
        told = machine.qmp("query-vnc")
        print(f"weft: display at vnc://{told['host']}:{told['service']}", flush=True)
