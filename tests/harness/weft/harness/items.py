# SPDX-License-Identifier: Apache-2.0
"""Guest test programs as pytest items: one per test and configuration, and one for the ending.

    tests/ipc/call.c::returns_the_answer[tcg-4cpu]
    tests/ipc/call.c::ends_well[tcg-4cpu]

Collecting reads the C source and nothing else. `ends_well` fails for what belongs to no single
test: a report without plan or end line, a panic after the last test, a wrong exit status, a trace that
breaks a rule of `weft trace check`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from weft.harness.boots import Boots
from weft.harness.program import GUEST_TEST_ROOMS, Configuration, TestProgram, read_program
from weft.machine import UsageError

BOOTS = pytest.StashKey[Boots]()
ENDING = "ends_well"


class GuestFailure(Exception):
    """A test failed in the guest; str() is the whole report, no Python traceback helps."""


def is_guest_test(path: Path, root: Path) -> bool:
    return path.suffix == ".c" and path.parent.parent == root / "tests" and (
        path.parent.name in GUEST_TEST_ROOMS
    )  # fmt: skip


class GuestProgramFile(pytest.File):
    def collect(self) -> Iterator[pytest.Item]:
        try:
            program = read_program(self.path)
        except UsageError as error:
            raise self.CollectError(str(error)) from error
        if program is None:
            return
        for configuration in program.configurations:
            for test in (*program.tests, ENDING):
                yield GuestTestItem.from_parent(
                    self,
                    name=f"{test}[{configuration.name}]",
                    program=program,
                    configuration=configuration,
                    test=test,
                )


class GuestTestItem(pytest.Item):
    def __init__(
        self, *, program: TestProgram, configuration: Configuration, test: str, **rest: object
    ) -> None:
        super().__init__(**rest)  # type: ignore[arg-type]
        self.program = program
        self.configuration = configuration
        self.test = test

    def runtest(self) -> None:
        result = self.config.stash[BOOTS].result(self.program, self.configuration)
        if self.test == ENDING:
            complaint = result.end_complaint(self.program)
        else:
            complaint = result.complaint(self.test)
        if complaint is not None:
            raise GuestFailure(f"{complaint}\n{result.evidence}")
        if reason := result.skip_reason(self.test):
            pytest.skip(reason)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:
        if isinstance(excinfo.value, GuestFailure):
            return str(excinfo.value)
        return f"{type(excinfo.value).__name__}: {excinfo.value}"

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, f"{self.program.name}: {self.name}"
