# SPDX-License-Identifier: Apache-2.0
"""How numbers are written in the report, and the longer texts that explain it."""

from __future__ import annotations

from typing import NamedTuple


class ModeText(NamedTuple):
    """What a way to run is called, tells, and does not tell."""

    title: str
    tells: str
    limits: str


MODES = {
    "icount": ModeText(
        title="Instructions (icount)",
        tells="QEMU runs the guest on one host thread and its clock ticks once per guest instruction. The "
        "figures are instruction counts, the same to the digit on every machine and in every run.",
        limits="They do not know caches, pipelines or memory. CPUs take turns, so a cross-core figure is the "
        "work of all CPUs added up, not the length of the critical path.",
    ),
    "tcg": ModeText(
        title="Parallel emulation (tcg)",
        tells="QEMU translates guest code and runs every guest CPU on a host thread of its own: real "
        "parallelism, real races. Good for comparing variants on the same quiet host.",
        limits="Emulated code is many times slower than real code, has no cache model, and a halted CPU's "
        "wake-up is a thread switch of the host, tens of microseconds. The host's other work shows in the "
        "tail.",
    ),
    "kvm": ModeText(
        title="Real hardware (kvm)",
        tells="The guest runs on the host's CPU. These are the latencies of this machine.",
        limits="A doorbell between CPUs and a halt may leave the guest, which costs more than on bare metal.",
    ),
}

TIMES = ((10_000, 1, "ns"), (10_000_000, 1_000, "µs"), (10**13, 1_000_000, "ms"))


def number(value: int) -> str:
    """1234567 as 1,234,567."""
    return f"{value:,}"


def amount(value: int, unit: str, like: int | None = None) -> tuple[str, str]:
    """A value and its unit for people: long times in larger units, or in the one that `like` gets."""
    if unit != "ns":
        return number(value), unit
    size = value if like is None else like
    for limit, divisor, name in TIMES:
        if size < limit:
            digits = 0 if value % divisor == 0 else 1
            return f"{value / divisor:,.{digits}f}", name
    return f"{value / 1e9:,.1f}", "s"


def with_unit(value: int, unit: str) -> str:
    """amount() as one string."""
    return " ".join(amount(value, unit))


def ratio(ours: int, theirs: int) -> str:
    """How two instruction counts compare, in words."""
    if ours == 0 or theirs == 0:
        return ""
    if theirs >= ours:
        return f"{factor(theirs / ours)}× fewer"
    return f"{factor(ours / theirs)}× more"


def factor(value: float) -> str:
    """A ratio, with two digits or more."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def slug(name: str) -> str:
    """A name as part of an element's id."""
    return "".join(letter if letter.isalnum() and letter.isascii() else "-" for letter in name.lower())
