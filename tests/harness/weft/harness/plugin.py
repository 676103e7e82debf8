# SPDX-License-Identifier: Apache-2.0
"""The pytest plugin: fixtures that boot, guest programs as items, evidence for every failure.

Fixtures
    tree        the built tree (paths by name); building happens once per session
    build       the same, for tests that only need it built
    image       image(manifest, {"name": path, ...}) -> a boot image of your own
    boot        boot(image=..., cpus=4, memory="256M", accel="tcg", ...) -> a started Guest
    tree_copy   a copy of the built tree that the test may change, and build again
    weft        weft("run", "--cpus", "3") -> the finished ./weft command with its output

Every guest that a test booted and that still exists when the test fails is saved to
out/test/<test id>/, and the report says where. All machines end with their test; when the session
ends, whatever it started and is still there is killed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from weft.harness import artifacts
from weft.harness.boots import Boots
from weft.harness.guest import Guest
from weft.harness.items import BOOTS, GuestProgramFile, is_guest_test
from weft.harness.tree import Tree
from weft.image import programs_of, write_image
from weft.machine import MachineConfig, UsageError, parse_size, qemu_version
from weft.network import Network

GUESTS = pytest.StashKey[list[Guest]]()
FAILED = pytest.StashKey[bool]()
MARKER = "WEFT_TEST_SESSION"
COMMAND_SECONDS = 300


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: takes longer than a few seconds")
    root = config.rootpath
    config.stash[BOOTS] = Boots(Tree(root), root / "out" / "test")
    # Everything that this session starts inherits the marker, so it can be found at the end.
    session = f"{os.getpid()}-{uuid.uuid4().hex}"
    os.environ[MARKER] = ":".join(filter(None, [os.environ.get(MARKER), session]))


def pytest_unconfigure(config: pytest.Config) -> None:
    markers = os.environ.get(MARKER, "").split(":")
    kill_marked(markers[-1])
    os.environ[MARKER] = ":".join(markers[:-1])


def kill_marked(session: str) -> list[int]:
    """Kills every process that inherited the session's marker; returns their ids."""
    killed = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            if session and session.encode() in (folder / "environ").read_bytes():
                os.kill(int(folder.name), signal.SIGKILL)
                killed.append(int(folder.name))
    return killed


def pytest_report_header(config: pytest.Config) -> str:
    try:
        return f"QEMU {qemu_version()}, failures leave their evidence in out/test/"
    except UsageError as error:
        return str(error)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if is_guest_test(file_path, parent.config.rootpath):
        return GuestProgramFile.from_parent(parent, path=file_path)
    return None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed and call.when in ("setup", "call"):
        item.stash[FAILED] = True
        out = item.config.stash[BOOTS].out / artifacts.folder_name(item.nodeid)
        guests = [guest for guest in item.stash.get(GUESTS, []) if not guest.closed]
        for number, guest in enumerate(guests):
            folder = out if len(guests) == 1 else out / f"guest-{number}"
            report.sections.append(("guest", artifacts.save(guest, folder)))
    return report


@pytest.fixture(scope="session")
def tree(pytestconfig: pytest.Config) -> Tree:
    return pytestconfig.stash[BOOTS].tree.build()


@pytest.fixture(scope="session")
def build(tree: Tree) -> Tree:
    return tree


@pytest.fixture
def image(tree: Tree, tmp_path: Path) -> Callable[..., Path]:
    """image(manifest text, {"name": ELF path}) -> path of a new boot image.

    Programs that the manifest names and that are not given come from the build, `init` as well.
    """

    def make(manifest: str, programs: dict[str, Path] | None = None) -> Path:
        given = programs or {}
        text = tmp_path / f"{uuid.uuid4().hex[:8]}.manifest"
        text.write_text(manifest)
        names = ["init", *programs_of(manifest)]
        entries = [(name, tree.packed(name)) for name in names if name not in given]
        out = text.with_suffix(".cpio")
        write_image(out, [*entries, *given.items(), ("manifest", text)])
        return out

    return make


@pytest.fixture
def boot(request: pytest.FixtureRequest, tree: Tree) -> Iterator[Callable[..., Guest]]:
    """Starts machines; see `start` below for what may be chosen."""
    guests: list[Guest] = []
    request.node.stash[GUESTS] = guests

    def start(
        image: str | Path | None = "selftest",
        cpus: int = 4,
        memory: str = "256M",
        accel: str = "tcg",
        cmdline: str = "",
        profile: str = "test",
        cpu: str = "max",
        seed: int | None = None,
        disk: Path | None = None,
        disk_iops: int = 0,
        network: Network | None = None,
        display: str = "",
        devices: tuple[str, ...] = (),
        iommu: bool = False,
        terminal: bool = False,
        timeout: float = 60.0,
    ) -> Guest:
        config = MachineConfig(
            kernel=tree.kernel(profile),
            image=tree.image(image) if isinstance(image, str) else image,
            cpus=cpus,
            memory=parse_size(memory),
            accel=accel,
            cpu_model=cpu,
            command_line=cmdline,
            seed=seed,
            disk=disk,
            disk_iops=disk_iops,
            network=network,
            display=display,
            devices=devices,
            iommu=iommu,
            terminal=terminal,
            timeout=timeout,
        )
        guest = Guest(tree, config, request.node.name)
        guests.append(guest)
        return guest

    yield start
    try:
        for guest in guests:
            if not request.node.stash.get(FAILED, False):
                guest.verify()
    finally:
        for guest in guests:
            guest.close()


@pytest.fixture
def tree_copy(tree: Tree, tmp_path: Path) -> Generator[Path]:
    """A copy of the built tree that the test may change."""
    copy = tmp_path / "tree"
    tree.copy(copy)
    yield copy
    shutil.rmtree(copy, ignore_errors=True)  # some 80 MB


@pytest.fixture(scope="session")
def weft(pytestconfig: pytest.Config) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs ./weft as a user would; the caller looks at returncode, stdout and stderr."""

    def run(*arguments: Any, timeout: float = COMMAND_SECONDS) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, str(pytestconfig.rootpath / "weft"), *map(str, arguments)]
        return subprocess.run(
            argv, cwd=pytestconfig.rootpath, text=True, timeout=timeout, capture_output=True,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip

    return run
