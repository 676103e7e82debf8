# SPDX-License-Identifier: Apache-2.0
"""The kernel's side of the dispatch: build/gen/weft/kernel_syscalls.h.

Part of kernel/abi/generate.py, which reads and checks abi.toml.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from generate import Abi, Syscall


def prototype(call: Syscall, self: str) -> str:
    if call.object:
        argument = "void" if call.object == self else f"uint64_t {call.args[0]}"
        return (f"status_t sys_{call.name}({argument});\n"
                f"status_t do_{call.name}(struct thread *caller, struct object *object);")
    parameters = ", ".join(f"uint64_t {name}" for name in call.args) or "void"
    return f"status_t sys_{call.name}({parameters});"


def table(comment: str, name: str, entries: list[str]) -> list[str]:
    """A macro that applies its argument X to each entry."""
    entry_lines = " \\\n".join(f"    X({entry})" for entry in entries)
    return ["", comment, f"#define {name}(X) \\", entry_lines]


def lines(abi: Abi, self: str) -> list[str]:
    """The header's body. `self`: what `object` says of a call on the caller's own process."""
    out = ['#include "kernel/types.h"', "", "struct object;", "struct thread;", "",
           "/* sys_ is where a call begins: it takes the named arguments, and the caller is",
           " * percpu(current). do_ does a call on an object, where that lives, with the arguments in the",
           " * caller's frame. A result is stored there. */"]
    for call in abi.syscalls:
        result = f" /* result: {call.result} */" if call.result else ""
        out.append(prototype(call, self) + result)
    how = {"object": "object_invoke", "caller": "invoke_here"}
    out += table("/* X(name, type, right, how): the calls on the object that their first argument names,"
                 "\n * there where it lives (object_invoke) or where the caller is (invoke_here). */",
                 "SYSCALLS_ON_OBJECTS",
                 [f"{call.name}, OBJECT_{call.object.upper()}, RIGHT_{call.rights.upper()}, "
                  f"{how[call.on]}" for call in abi.syscalls if call.object and call.object != self])
    out += table("/* X(name): the calls on the caller's own process. */", "SYSCALLS_ON_SELF",
                 [call.name for call in abi.syscalls if call.object == self])
    out += table("/* X(number, handler, name) in the order of the numbers. */", "SYSCALL_TABLE",
                 [f"{call.macro}, sys_{call.name}, {call.name}" for call in abi.syscalls])
    out += ["", "/* Initialises an array of SYSCALL_COUNT names. */", "#define SYSCALL_NAMES \\"]
    names = ", \\\n      ".join(f'"{call.name}"' for call in abi.syscalls)
    out += [f"    {{ {names} }}"]
    return out
