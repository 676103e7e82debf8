# SPDX-License-Identifier: Apache-2.0
"""Collect rules and build statements for build.ninja: the part of configure.py without opinions.

A `Ninja` object gathers the text, one compile command per source for compile_commands.json, and
every directory and file that the text was made from (`directories`, `configured_by`), so that the
rule which runs configure.py again can depend on them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Ninja:
    """The text so far, and what it was made from. `products` collects what `all` and `tests` make."""

    root: Path
    configured_by: list[str]
    lines: list[str] = field(default_factory=list)
    commands: dict[str, dict[str, str]] = field(default_factory=dict)
    directories: set[str] = field(default_factory=set)
    products: dict[str, list[str]] = field(default_factory=lambda: {"all": [], "tests": []})

    def rule(self, name: str, command: str, description: str, **options: str) -> None:
        self.lines += [f"rule {name}", f"  command = {command}", f"  description = {description}"]
        self.lines += [f"  {key} = {value}" for key, value in options.items()]
        self.lines.append("")

    def build(
        self,
        outputs: list[str],
        rule: str,
        inputs: list[str],
        implicit: list[str] | None = None,
        order_only: list[str] | None = None,
        **variables: str,
    ) -> None:
        line = f"build {' '.join(outputs)}: {rule} {' '.join(inputs)}".rstrip()
        if implicit:
            line += " | " + " ".join(implicit)
        if order_only:
            line += " || " + " ".join(order_only)
        self.lines.append(line)
        self.lines += [f"  {key} = {value}" for key, value in variables.items()]

    def compile(self, source: str, folder: str, flags: str, after: str = "generated") -> str:
        """Compile one C or assembly file into `folder` and return the object's path.

        `after` is the target that stands for all generated headers which the file may include.
        """
        output = f"{folder}/{source}.o"
        self.build([output], "compile", [source], order_only=[after], flags=flags)
        command = f"clang {flags} -c {source} -o {output}"
        entry = {"directory": str(self.root), "file": source, "command": command}
        self.commands.setdefault(source, entry)
        return output

    def sources(self, room: str, arch: str | None, suffixes: tuple[str, ...]) -> list[str]:
        """The sorted files of a room; remembers its directories for the rule that reruns us."""
        deep = room.endswith("/**")
        top = self.root / room.removesuffix("/**")
        # A room that is not there yet is noticed by its parent. Not by the root, which changes too
        # often, nor by a folder with the name of a target.
        parent = Path(room).parent.as_posix()
        if not top.exists() and top.parent.exists() and parent not in (".", *self.products):
            self.directories.add(parent)
        found = []
        for folder, below, files in os.walk(top):
            below[:] = sorted(below) if deep else []
            relative = Path(folder).relative_to(self.root)
            if "__pycache__" in relative.parts or not belongs(relative, arch):
                continue
            self.directories.add(relative.as_posix())
            found += [(relative / name).as_posix() for name in files if name.endswith(suffixes)]
        return sorted(found)


def belongs(path: Path, arch: str | None) -> bool:
    """Whether a path is for every architecture or for this one."""
    parts = path.parts
    if "arch" not in parts[:-1]:
        return True
    return arch is not None and parts[parts.index("arch") + 1] == arch


def write_if_new(path: Path, text: str) -> None:
    """Leave a file that is right already untouched, so that nothing is rebuilt for it."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text)


def write_atomically(path: Path, text: str) -> None:
    """Replace a file in one step: a ninja that runs meanwhile never reads half of it."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)
