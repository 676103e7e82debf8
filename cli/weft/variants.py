# SPDX-License-Identifier: Apache-2.0
"""The builds of the kernel: profile, tracing, and the design of the cross-core path.

    Variant("bench", trace=False, design="lock").name      bench-lock-notrace, the name of its folder

The design is what the kernel is, or one of those that it can be compared with (docs/designs.md). Each has
folders of its name, in which its sources and headers are.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PROFILES = ("test", "bench")
DESIGN = "mailbox"
DESIGNS = (DESIGN, "lock", "handshake")
DESIGN_ROOMS = ("smp/designs", "kernel/arch/{arch}/designs")


@dataclass(frozen=True)
class Variant:
    """One build of the kernel."""

    profile: str
    trace: bool
    design: str = DESIGN

    @property
    def name(self) -> str:
        design = "" if self.design == DESIGN else f"-{self.design}"
        return self.profile + design + ("" if self.trace else "-notrace")

    def defines(self, arch: str) -> str:
        """The macros of this variant; TRACE_BUILD is what a capture says about its kernel."""
        test = int(self.profile == "test")
        words = [arch, self.profile, "trace" if self.trace else "notrace"]
        build = " ".join(words if self.design == DESIGN else [*words, self.design])
        return f"-DCONFIG_TEST={test} -DCONFIG_TRACE={int(self.trace)} '-DTRACE_BUILD=\"{build}\"'"

    def rooms(self, root: Path, arch: str) -> list[str]:
        """Where its design lives. What one has nothing to say about stays as in the default."""
        tops = [Path(top.format(arch=arch)) for top in DESIGN_ROOMS]
        return [str(top / (self.design if (root / top / self.design).is_dir() else DESIGN)) for top in tops]


def designs(root: Path, asked: str = "all") -> list[str]:
    """Those that the tree has; the kernel's own in any case."""
    names = DESIGNS if asked == "all" else (asked,)
    return [name for name in names if name == DESIGN or (root / DESIGN_ROOMS[0] / name).is_dir()]


def is_of(source: str, rooms: list[str]) -> bool:
    """Does a source belong to a kernel whose design lives there?"""
    return "/designs/" not in source or str(Path(source).parent) in rooms
