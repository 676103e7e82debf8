# SPDX-License-Identifier: Apache-2.0
"""The system calls as a C table, for user programs that make them at random: weft/syscall_table.h.

Part of kernel/abi/generate.py, which reads and checks abi.toml.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from generate import Abi, Syscall

TABLE_TYPES = """\
#include <stdint.h>

#include "weft/abi.h"

enum weft_argument_kind {
KINDS};

/* One system call. */
struct weft_syscall_description {
    const char *name;
    uint64_t statuses;    /* set of those that it may return: 1 << -status */
    uint8_t count;        /* of its arguments */
    uint8_t result_type;  /* enum object_type of the handle that it returns; OBJECT_NONE: none */
    _Bool returns_handle; /* perhaps to an object of a type that is not known beforehand */
    _Bool blocks;
    uint8_t kinds[ARGUMENTS_MAX]; /* enum weft_argument_kind */
    uint8_t types[ARGUMENTS_MAX]; /* of a handle: what it should be for; OBJECT_NONE: anything */
};

/* Initialises an array of SYSCALL_COUNT descriptions, indexed by number. */
#define WEFT_SYSCALL_DESCRIPTIONS \\
"""


def argument_type(abi: Abi, call: Syscall, argument: str) -> str:
    """What type of object an argument should be a capability for."""
    if argument in abi.objects:
        return argument
    if argument in ("signal", "wait"):
        return "notification"
    if call.name == "ipc_reply_to" and argument == "handle":
        return "reply"
    if argument in ("place", "placement"):  # they carry the right to place things there
        return "cpus"
    if argument != "handle":
        return "none"
    family = call.name.partition("_")[0]
    return "endpoint" if family == "ipc" else family if family in abi.objects else "none"


def returned_type(abi: Abi, call: Syscall) -> str | None:
    """What type of object a call returns a handle to: "none" if one cannot tell, None if to none."""
    if call.result in abi.objects:
        return call.result
    if call.result != "handle":
        return None
    made = "reply" if call.name == "ipc_reply_save" else call.name.removesuffix("_create")
    return made if made in abi.objects else "none"


def table_row(abi: Abi, call: Syscall) -> str:
    values = [0, *(abi.status[name]["value"] for name in call.errors)]
    result = returned_type(abi, call)
    kinds = [f"ARGUMENT_{abi.arguments[name]['kind'].upper()}" for name in call.args]
    types = [f"OBJECT_{argument_type(abi, call, name).upper()}" for name in call.args]
    return (f'{{"{call.name}", {hex(sum(1 << -value for value in values))}, {len(call.args)}, '
            f"OBJECT_{(result or 'none').upper()}, {int(result is not None)}, {int(call.blocks)}, "
            f"{{{', '.join(kinds)}}}, {{{', '.join(types)}}}}}")


def lines(abi: Abi, kinds: Sequence[str], arguments_max: int) -> list[str]:
    """The body of the header."""
    names = "".join(f"    ARGUMENT_{kind.upper()},\n" for kind in kinds)
    types = TABLE_TYPES.replace("KINDS", names).replace("ARGUMENTS_MAX", str(arguments_max))
    objects = ", ".join(f'[{value}] = "{name}"' for name, value in abi.objects.items())
    rows = ", \\\n      ".join(table_row(abi, call) for call in abi.syscalls)
    return [types.rstrip("\n"), f"    {{ {rows} }}", "",
            "/* Initialises an array of names, indexed by enum object_type. */",
            "#define WEFT_OBJECT_NAMES \\", f"    {{ {objects} }}"]
