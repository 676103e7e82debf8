# SPDX-License-Identifier: Apache-2.0
"""Find what is missing on this machine and install it: Debian packages, .venv, npm packages.

    setup("test")           make everything for a level of `weft.needs` present, or raise Failure
    missing("test")         what is not there, without touching anything

Sources of others (`weft.ports`) are fetched too. Where they cannot be had, only the programs that are made of them
are not built: `weft setup` fails, and every other command goes on.

Set-up never asks a question: as root it runs apt-get, otherwise `sudo -n`, and where that is not
allowed it prints the one line to run and fails. Python and npm packages and sources go below the tree, with
exact versions; a stamp in each folder names the content that it was installed from.

Invariants: presence is verified every time (programs on PATH, packages in their folders), only
the programs' versions are remembered, keyed by path, size and time; so a run that has nothing to
do takes a fraction of a second. A set-up that was interrupted is finished by the next one.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from weft import debian, node, python_environment, sources, tools
from weft.failure import Failure
from weft.needs import IN_LEVEL, REQUIREMENTS, TOOLS
from weft.ports import SOURCES, Port


@dataclass(frozen=True)
class Missing:
    """What set-up has to do. `reports` has one line for each, for people."""

    packages: list[str] = field(default_factory=list)
    requirements: list[str] = field(default_factory=list)
    npm: list[str] = field(default_factory=list)
    ports: list[Port] = field(default_factory=list)
    reports: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.packages or self.requirements or self.npm or self.ports)


def missing(level: str) -> Missing:
    """What is not there for a level."""
    parts = IN_LEVEL[level]
    wanted = [tool for tool in TOOLS if tool.part in parts]
    found = tools.missing(wanted)
    packages = [tool.package for tool, _ in found]
    reports = [f"{tool.name}: {why} (Debian package {tool.package})" for tool, why in found]

    files = [path for part, path in REQUIREMENTS.items() if part in parts]
    requirements = python_environment.missing(files)
    if requirements:
        reports.append(f"Python packages in .venv: {', '.join(requirements)}")
        if not python_environment.can_create():
            packages.append(python_environment.DEBIAN_PACKAGE)
            reports.append(f"Python's venv module (Debian package {python_environment.DEBIAN_PACKAGE})")

    npm = node.missing() if "node" in parts else []
    if npm:
        reports.append(f"npm packages in {node.relative_folder()}: {', '.join(npm)}")
    ports = sources.missing() if "run" in parts else []
    reports += [f"{port.name} {port.version}: its source (in {SOURCES})" for port in ports]
    return Missing(sorted(set(packages)), requirements, npm, ports, reports)


def setup(level: str, quiet: bool = True) -> None:
    """Make everything for a level present. With `quiet` nothing is said when nothing is missing, and sources that
    cannot be fetched are no failure."""
    todo = missing(level)
    if quiet and todo.ports and sources.failed_lately():
        todo = _without_ports(todo)
    if not todo:
        if not quiet:
            print("set-up: nothing is missing")
        return
    print("set-up: missing on this machine, will be installed:")
    for report in todo.reports:
        print(f"  {report}")
    parts = IN_LEVEL[level]
    if todo.packages:
        debian.install(todo.packages)
        tools.forget()
    if todo.requirements:
        python_environment.install([path for part, path in REQUIREMENTS.items() if part in parts])
    if todo.npm:
        node.install()
    failures = sources.fetch(todo.ports)
    left = _without_ports(missing(level))
    if left:
        raise Failure(f"set-up: still missing after the installation: {'; '.join(left.reports)}")
    if failures and not quiet:
        raise Failure(f"set-up: {'; '.join(failures)}")
    for line in failures:
        print(f"set-up: {line}\n  what is made of it is not built")
    print("set-up: done")


def _without_ports(todo: Missing) -> Missing:
    return replace(todo, ports=[], reports=todo.reports[: len(todo.reports) - len(todo.ports)])


def check(level: str) -> int:
    """Only report; 0 when nothing is missing."""
    parts = IN_LEVEL[level]
    for name, state in tools.report([tool for tool in TOOLS if tool.part in parts]):
        print(f"  {name:20} {state}")
    todo = missing(level)
    ports = [f"{port.name} {port.version}" for port in todo.ports]
    for name, absent in ((".venv", todo.requirements), (node.relative_folder(), todo.npm), (SOURCES, ports)):
        print(f"  {name:20} {'not found: ' + ', '.join(absent) if absent else 'ok'}")
    print(f"set-up: {'something is missing' if todo else 'nothing is missing'}")
    return 1 if todo else 0
