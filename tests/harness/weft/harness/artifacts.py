# SPDX-License-Identifier: Apache-2.0
"""What a failed boot leaves behind, and the text that says where.

    out/test/<test id>/
        console.log      everything the guest printed
        command.txt      the exact QEMU command, and one for a terminal
        outcome.txt      how it ended
        image.cpio       the boot image, so that the commands go on working
        trace.weft       the capture; trace.pftrace is the same for the Perfetto UI

Saving never fails the test a second time: what cannot be had is a sentence in the text.
"""

from __future__ import annotations

import dataclasses
import re
import shlex
import shutil
from pathlib import Path

from weft.harness.guest import Guest
from weft.harness.tree import BuildError
from weft.machine import MachineConfig, MachineError, QmpError, format_size
from weft.variants import DESIGNS

LAST_LINES = 20


def folder_name(test_id: str) -> str:
    """A test's id as one component of a path."""
    return re.sub(r"[^A-Za-z0-9._=-]+", "_", test_id).strip("_")[:180]


def save(guest: Guest, folder: Path) -> str:
    """Writes all of it to `folder` and returns what to tell the user."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if guest.machine.running:
        outcome_text = "still running when the test failed"
    else:
        outcome = guest.machine.wait()
        outcome_text = f"{outcome.kind} after {outcome.seconds:.1f} s: {outcome.reason}"
    timeline = _timeline(guest, folder / "trace.pftrace")
    (folder / "console.log").write_text("\n".join([*guest.console, ""]))
    (folder / "outcome.txt").write_text(outcome_text + "\n")
    commands = _commands(guest, folder)
    last = guest.console[-LAST_LINES:]
    return "\n".join(
        [
            f"guest {guest.name}: {outcome_text}",
            f"everything is in: {folder}",
            f"timeline: {timeline}",
            commands,
            f"last {len(last)} of {len(guest.console)} console lines:",
            *(f"    {line}" for line in last),
        ]
    )


def _timeline(guest: Guest, out: Path) -> str:
    try:
        guest.timeline(out)
    except (MachineError, QmpError, BuildError, OSError) as error:
        return f"none ({error})"
    return f"{out}  (./weft view {out})"


def _commands(guest: Guest, folder: Path) -> str:
    """The exact command for the record, and the two that are of use: again, and under gdb."""
    config = guest.config
    if config.image is not None:
        copy = folder / "image.cpio"
        shutil.copyfile(config.image, copy)
        config = dataclasses.replace(config, image=copy)
    (folder / "command.txt").write_text(
        f"# exactly what ran:\n{shlex.join(guest.machine.argv)}\n"
        f"# the same machine in a terminal:\n{config.standalone_command()}\n"
    )
    again = _weft_run(config)
    return f"again: {again}\nunder gdb: {again} --gdb\nexact command: {shlex.join(guest.machine.argv)}"


def _weft_run(config: MachineConfig) -> str:
    """The `./weft run` that boots the same machine. Without an image there is only QEMU itself."""
    if config.image is None:
        return config.standalone_command()
    profile, *more = config.profile.split("-")  # test, bench-notrace, test-lock
    words = ["./weft", "run", str(config.image), "--cpus", str(config.cpus)]
    words += ["--mem", format_size(config.memory), "--accel", config.accel, "--profile", profile]
    words += ["--no-trace"] if "notrace" in more else []
    words += [word for design in more if design in DESIGNS for word in ("--design", design)]
    words += ["--cpu", config.cpu_model] if config.cpu_model != "max" else []
    words += ["--append", config.command_line] if config.command_line else []
    for device in config.devices:
        words += ["--device", device]
    words += ["--disk", str(config.disk)] if config.disk else []
    words += ["--disk-iops", str(config.disk_iops)] if config.disk_iops else []
    if config.network is not None:
        words += ["--net", *(f"--forward={forward.host}:{forward.guest}" for forward in config.network.forwards)]
    words += ["--display", config.display] if config.display else []
    words += ["--iommu"] if config.iommu else []
    words += ["--seed", str(config.seed)] if config.seed is not None else []
    return shlex.join(words)
