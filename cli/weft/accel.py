# SPDX-License-Identifier: Apache-2.0
"""Which way to run: settles `auto` by trying KVM with a real, timed boot.

That /dev/kvm opens says little. Nested set-ups exist in which KVM emulates every instruction, a
hundred times slower than TCG, or aborts QEMU on the first CPU model that is worth having. So the
probe boots a kernel of a dozen instructions, written here byte by byte: it counts down from
PROBE_LOOPS and powers off. On real hardware support that takes a few milliseconds more than
starting QEMU; whatever does not end well within PROBE_SECONDS is not worth using.

The answer is remembered in a file that the caller names, for this boot of the host and this QEMU.
"""

from __future__ import annotations

import contextlib
import json
import os
import struct
import tempfile
from pathlib import Path

from weft.machine import Machine, MachineConfig, UsageError, qemu_version

PROBE_LOOPS = 100_000_000
PROBE_SECONDS = 1.5
KVM_DEVICE = Path("/dev/kvm")

_LOAD_ADDRESS = 0x200000
_PVH_NOTE = 18  # XEN_ELFNOTE_PHYS32_ENTRY: where a PVH loader enters, in 32-bit mode


def probe_kernel(loops: int) -> bytes:
    """An ELF file with a PVH entry that counts `loops` down and powers off with status 0."""
    code = b"\xb9" + struct.pack("<I", loops)  # mov ecx, loops
    code += b"\x49\x75\xfd"  # dec ecx; jnz -3
    code += b"\xb8\x10\x00\x00\x00\x66\xba\xf4\x00\xef"  # mov eax, 0x10; mov dx, 0xf4; out dx, eax
    code += b"\xf4\xeb\xfd"  # hlt; jmp -3
    note_offset = 64 + 2 * 56
    code_offset = note_offset + 20
    entry = _LOAD_ADDRESS + code_offset
    note = struct.pack("<III4sI", 4, 4, _PVH_NOTE, b"Xen\0", entry)
    size = code_offset + len(code)
    header = b"\x7fELF\x02\x01\x01" + bytes(9)
    header += struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, entry, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    load = struct.pack("<IIQQQQQQ", 1, 7, 0, _LOAD_ADDRESS, _LOAD_ADDRESS, size, size, 0x1000)
    address = _LOAD_ADDRESS + note_offset
    notes = struct.pack("<IIQQQQQQ", 4, 4, note_offset, address, address, len(note), len(note), 4)
    return header + load + notes + note + code


def resolve_accel(accel: str, cache: Path | None = None, cpu_model: str = "max",
                  qemu: str = "qemu-system-x86_64") -> str:  # fmt: skip
    """`accel` itself, or for "auto" the better of "kvm" and "tcg"."""
    if accel != "auto":
        return accel
    return "kvm" if kvm_refusal(cache, cpu_model, qemu) is None else "tcg"


def kvm_refusal(cache: Path | None = None, cpu_model: str = "max",
                qemu: str = "qemu-system-x86_64") -> str | None:  # fmt: skip
    """None if KVM is worth using here, otherwise why not, in one line."""
    if not os.access(KVM_DEVICE, os.R_OK | os.W_OK):
        return f"{KVM_DEVICE} cannot be opened"
    key = [_boot_id(), qemu_version(qemu), cpu_model]
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        if cache is not None:
            known = json.loads(cache.read_text())
            if known["key"] == key:
                return None if known["refusal"] is None else str(known["refusal"])
    refusal = _probe(cpu_model, qemu)
    if cache is not None:
        with contextlib.suppress(OSError):
            cache.parent.mkdir(parents=True, exist_ok=True)
            cache.write_text(json.dumps({"key": key, "refusal": refusal}))
    return refusal


def _probe(cpu_model: str, qemu: str) -> str | None:
    with tempfile.NamedTemporaryFile(suffix=".elf") as kernel:
        kernel.write(probe_kernel(PROBE_LOOPS))
        kernel.flush()
        config = MachineConfig(
            kernel=Path(kernel.name), cpus=1, memory=64 << 20, accel="kvm", cpu_model=cpu_model,
            timeout=PROBE_SECONDS, qemu=qemu,
        )  # fmt: skip
        try:
            with Machine(config) as machine:
                outcome = machine.wait()
        except UsageError as error:
            return str(error)
    if outcome.ok:
        return None
    return f"the probe boot ended with {outcome.kind}: {outcome.reason}"


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "unknown"
