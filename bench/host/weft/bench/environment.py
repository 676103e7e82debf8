# SPDX-License-Identifier: Apache-2.0
"""Where a result was made: host CPU, governor, load, memory, mitigations, KVM, QEMU, Python, commit.

    environment = describe_host(kvm_cache) | after_run()

Nothing here may fail: a host that does not tell is recorded as not telling. `commit_of` gives the
checkout's commit, with `-dirty` when tracked files differ from it, so that a figure can be traced
to the code that it belongs to.

Which KVM it is decides what its figures are worth, so its kind is told: none; bare (this host is a real
machine); nested (the host is a virtual machine that has been given the CPU's own support); paravirtual
(kvm_pvm: without that support, each switch of mode is software). And whether the probe boot of
weft.accel found it worth using.
"""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

from weft.accel import KVM_DEVICE, kvm_refusal
from weft.machine import UsageError, qemu_version

UNKNOWN = "unknown"
VULNERABILITIES = Path("/sys/devices/system/cpu/vulnerabilities")
GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
MODULES = Path("/sys/module")
KVM_MODULES = {"kvm_pvm": "paravirtual (kvm_pvm)", "kvm_intel": "VT-x", "kvm_amd": "AMD-V"}


def describe_host(kvm_cache: Path | None = None) -> dict[str, str]:
    """What the report shows about the machine that ran QEMU, before the first boot."""
    return {
        "host CPU": _field("/proc/cpuinfo", "model name"),
        "host CPUs": str(os.cpu_count() or UNKNOWN),
        "host CPU governor": _text(GOVERNOR) or "not told",
        "host memory": _field("/proc/meminfo", "MemTotal"),
        "host load before": _load(),
        "host kernel": f"{platform.system()} {platform.release()}",
        "host system": _field("/etc/os-release", "PRETTY_NAME", "=").strip('"'),
        "host mitigations": mitigations(VULNERABILITIES),
        "Weft mitigations": "none (Weft mitigates no speculative leaks)",
        "QEMU": _qemu(),
        "KVM": kvm_kind(kvm_cache),
        "Python": platform.python_version(),
    }


def after_run() -> dict[str, str]:
    """What can be told when the last boot is over."""
    return {"host load after": _load()}


def linux_mitigations(command_lines: list[str]) -> dict[str, str]:
    """The words about mitigations that the Linux guests were booted with."""
    words = {word for line in command_lines for word in line.split() if word.startswith("mitigations=")}
    return {"Linux mitigations": ", ".join(sorted(words)) or "Linux's own choice"}


def kvm_kind(cache: Path | None = None) -> str:
    """Which KVM there is, and whether it is worth using."""
    if not os.access(KVM_DEVICE, os.R_OK | os.W_OK):
        return f"none ({KVM_DEVICE} cannot be opened)"
    modules = [words for name, words in KVM_MODULES.items() if (MODULES / name).exists()]
    virtual = "hypervisor" in _field("/proc/cpuinfo", "flags").split()
    kind = modules[0] if modules else "of an unknown kind"
    if not kind.startswith("paravirtual"):
        kind = f"{'nested' if virtual else 'bare'}, {kind}"
    try:
        refusal = kvm_refusal(cache)
    except UsageError as error:
        refusal = str(error)
    return f"{kind}; not used: {refusal}" if refusal else kind


def mitigations(folder: Path) -> str:
    """What the host says of each vulnerability that it is or was open to."""
    found = {path.name: _text(path) for path in sorted(folder.glob("*"))} if folder.is_dir() else {}
    told = [f"{name}: {text}" for name, text in found.items() if text and text != "Not affected"]
    if not found:
        return UNKNOWN
    return "; ".join(told) or "not affected by any that its kernel knows"


def commit_of(root: Path) -> str:
    """The commit of the checkout, `-dirty` if changed, or `unknown` outside of a checkout."""
    commit = _git(root, "rev-parse", "HEAD")
    if not commit:
        return UNKNOWN
    return commit + ("-dirty" if _git(root, "status", "--porcelain", "--untracked-files=no") else "")


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], check=False, capture_output=True, text=True, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _qemu() -> str:
    try:
        return qemu_version()
    except UsageError:
        return UNKNOWN


def _load() -> str:
    try:
        return " ".join(f"{value:.2f}" for value in os.getloadavg())
    except OSError:
        return UNKNOWN


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _field(path: str, key: str, separator: str = ":") -> str:
    """The value of the first `key<separator>value` line of a file."""
    for line in _text(Path(path)).splitlines():
        name, found, value = line.partition(separator)
        if found and name.strip() == key:
            return value.strip()
    return UNKNOWN
