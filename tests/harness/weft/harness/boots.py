# SPDX-License-Identifier: Apache-2.0
"""One boot per (test program, configuration) and session, whatever number of items asks for it."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from weft.harness import artifacts, ktap
from weft.harness.guest import Guest
from weft.harness.program import Configuration, TestProgram
from weft.harness.tree import Tree
from weft.machine import Outcome
from weft.trace_check import check_trace


@dataclass(frozen=True)
class BootResult:
    """What one boot of a test program gave. `trace` says which rule of `weft trace check` its trace
    breaks. `evidence` is for people. Both are empty if all went well."""

    outcome: Outcome
    report: ktap.Report
    trace: str
    evidence: str

    def complaint(self, test: str) -> str | None:
        """Why `test` failed, or None. A skipped test is no complaint; see `skip_reason`."""
        point = self.report.point(test)
        if point is None:
            return f"{test} was not reported; {self._ending()}"
        if point.status is ktap.Status.FAIL:
            return "\n".join([f"{test} failed in the guest", *point.diagnostics])
        return None

    def skip_reason(self, test: str) -> str | None:
        point = self.report.point(test)
        if point is not None and point.status is ktap.Status.SKIP:
            return point.reason or "skipped by the guest"
        return None

    def end_complaint(self, program: TestProgram) -> str | None:
        """What is wrong with the boot as a whole, apart from failed tests."""
        wrong = list(self.report.problems)
        unknown = [p.name for p in self.report.points if p.name not in program.tests]
        if unknown:
            wrong.append(f"reported but not declared in the source: {', '.join(unknown)}")
        failed = self.report.count(ktap.Status.FAIL)
        expected = "failed" if failed else "ok"
        if self.outcome.kind != expected:
            wrong.append(f"{self._ending()} with {failed} failed tests")
        if self.trace:
            wrong.append(self.trace)
        return "\n".join(wrong) or None

    def _ending(self) -> str:
        reason = f" ({self.outcome.reason})" if self.outcome.reason else ""
        return f"the boot ended as '{self.outcome.kind}'{reason}"


@dataclass
class Boots:
    tree: Tree
    out: Path
    _results: dict[tuple[str, Configuration], BootResult] = field(default_factory=dict)

    def result(self, program: TestProgram, configuration: Configuration) -> BootResult:
        """Boots unless that was done before. Raises BuildError, UsageError if it cannot."""
        key = (program.name, configuration)
        if key not in self._results:
            self._results[key] = self._boot(program, configuration)
        return self._results[key]

    def _boot(self, program: TestProgram, configuration: Configuration) -> BootResult:
        tree = self.tree.build()
        name = f"{program.source.relative_to(tree.root)}[{configuration.name}]"
        with self._disk(configuration.disk) as disk:
            return self._boot_with(program, configuration, tree, name, disk)

    @contextlib.contextmanager
    def _disk(self, size: int) -> Iterator[Path | None]:
        """A fresh disk of zeros, as long as a boot needs it."""
        if not size:
            yield None
            return
        with tempfile.NamedTemporaryFile(prefix="weft-disk-", suffix=".img") as file:
            file.truncate(size)
            yield Path(file.name)

    def _boot_with(self, program: TestProgram, configuration: Configuration, tree: Tree, name: str,
                   disk: Path | None) -> BootResult:  # fmt: skip
        kernel, image = tree.kernel(configuration.profile), tree.image(program.name)
        config = configuration.machine(kernel, image, disk)
        guest = Guest(tree, config, name)
        try:
            outcome = guest.wait()
            report = ktap.parse(guest.console)
            result = BootResult(outcome, report, self._trace_complaint(guest), "")
            if not report.ok or result.end_complaint(program) is not None:
                folder = self.out / artifacts.folder_name(name)
                result = replace(result, evidence=artifacts.save(guest, folder))
        finally:
            guest.close()
        return result

    def _trace_complaint(self, guest: Guest) -> str:
        if guest.config.profile.endswith("-notrace"):
            return ""
        with tempfile.TemporaryDirectory(prefix="weft-check-") as folder:
            return check_trace(guest.machine, self.tree.trace_tool, Path(folder) / "trace.weft")
