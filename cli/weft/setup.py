# SPDX-License-Identifier: Apache-2.0
"""Find what is missing on this machine and install it: Debian packages, .venv, npm packages.

    setup("test")           make everything for a level of `weft.needs` present, or raise Failure
    missing("test")         what is not there, without touching anything

Set-up never asks a question: as root it runs apt-get, otherwise `sudo -n`, and where that is not
allowed it prints the one line to run and fails. Python and npm packages go below the tree, with
exact versions; a stamp in each folder names the content that it was installed from.

Invariants: presence is verified every time (programs on PATH, packages in their folders), only
the programs' versions are remembered, keyed by path, size and time; so a run that has nothing to
do takes a fraction of a second. A set-up that was interrupted is finished by the next one.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from weft import debian, node, python_environment, tools
from weft.failure import Failure
from weft.needs import IN_LEVEL, REQUIREMENTS, TOOLS


@dataclass(frozen=True)
class Missing:
    """What set-up has to do. `reports` has one line for each, for people."""

    packages: list[str] = field(default_factory=list)
    requirements: list[str] = field(default_factory=list)
    npm: list[str] = field(default_factory=list)
    reports: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.packages or self.requirements or self.npm)


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
    return Missing(sorted(set(packages)), requirements, npm, reports)


def setup(level: str, quiet: bool = True) -> None:
    """Make everything for a level present. With `quiet` nothing is said when nothing is missing."""
    todo = missing(level)
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
    left = missing(level)
    if left:
        raise Failure(f"set-up: still missing after the installation: {'; '.join(left.reports)}")
    print("set-up: done")


def check(level: str) -> int:
    """Only report; 0 when nothing is missing."""
    parts = IN_LEVEL[level]
    for name, state in tools.report([tool for tool in TOOLS if tool.part in parts]):
        print(f"  {name:20} {state}")
    todo = missing(level)
    for name, absent in ((".venv", todo.requirements), (node.relative_folder(), todo.npm)):
        print(f"  {name:20} {'not found: ' + ', '.join(absent) if absent else 'ok'}")
    print(f"set-up: {'something is missing' if todo else 'nothing is missing'}")
    return 1 if todo else 0
