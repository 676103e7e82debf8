# SPDX-License-Identifier: Apache-2.0
"""The one exception of the benchmark runner.

A BenchError is a Failure: one complete line that says what is wrong and, where it helps, what to do
about it. `details` are further lines for stderr (the end of the guest's console, say), printed
before that line. Nobody sees a Python traceback for something that he, his machine or the guest did.
"""

from __future__ import annotations

from weft.failure import Failure


class BenchError(Failure):
    """Something went wrong that the user is told in one line."""

    def __init__(self, line: str, details: list[str] | None = None, code: int = 1) -> None:
        super().__init__(line, code)
        self.details = details or []
