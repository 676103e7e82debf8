# SPDX-License-Identifier: Apache-2.0
"""The Markdown page about the system calls: docs/system-calls.md.

Part of kernel/abi/generate.py, which reads and checks abi.toml.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from generate import Abi, Syscall


def cell(text: str) -> str:
    """Text for a cell of a Markdown table."""
    return text.replace("|", "\\|")


def row(call: Syscall) -> str:
    """One row: the call as one writes it, and all that is said of it."""
    back = f" → {call.result}" if call.result else ""
    blocks = "may" if call.blocks else "never"
    errors = ", ".join(f"`{name}`" for name in call.errors)
    return (f"| {call.number} | `{call.name}({', '.join(call.args)})`{back} | {cell(call.doc)} | "
            f"{call.rights} | {call.on} | {blocks} | {errors} |")


def arguments(abi: Abi) -> list[str]:
    lines = ["", "## Arguments", "", "| name | kind | meaning | taken by |", "| --- | --- | --- | --- |"]
    for name, entry in abi.arguments.items():
        takers = ", ".join(f"`{call.name}`" for call in abi.syscalls if name in call.args)
        lines.append(f"| `{name}` | {entry['kind']} | {cell(entry['text'])} | {takers} |")
    return lines


def page(abi: Abi, notice: str) -> str:
    lines = ["<!-- SPDX-License-Identifier: Apache-2.0 -->", f"<!-- {notice} -->", "",
             "# System calls", "",
             "Every call returns a status; what comes back besides stands behind the arrow. *Right* is",
             "what the capability in the first argument must allow. *Runs on* says which CPU executes",
             "the call: the caller's, or that of the owner of the process or object that it works on,",
             "to which the calling thread then travels. *Blocks* says whether the caller may have to wait.",
             "What the arguments are stands [below](#arguments).", "",
             "| no. | call | what it does | right | runs on | blocks | errors |",
             "| ---: | --- | --- | --- | --- | --- | --- |"]
    lines += [row(call) for call in abi.syscalls]
    lines += arguments(abi)
    lines += ["", "## Types of objects", "", "| number | name |", "| ---: | --- |"]
    lines += [f"| {value} | `{key}` |" for key, value in abi.objects.items() if value != 0]
    lines += ["", "## Status values", "", "| value | name | meaning |", "| ---: | --- | --- |"]
    lines += [f"| {entry['value']} | `{key}` | {cell(entry['text'])} |"
              for key, entry in abi.status.items()]
    lines += ["", "## Rights", "", "| bit | name | allows to |", "| ---: | --- | --- |"]
    lines += [f"| {entry['bit']} | `{key}` | {cell(entry['text'])} |"
              for key, entry in abi.rights.items()]
    lines += ["", "## Constants", "", "| name | value |", "| --- | ---: |"]
    lines += [f"| `{key}` | {value if value < 0x10000 else hex(value)} |"
              for key, value in abi.constants.items()]
    return "\n".join(lines) + "\n"
