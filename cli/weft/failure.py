# SPDX-License-Identifier: Apache-2.0
"""The exception for everything that may go wrong and that the user is told in one line.

Raise `Failure` with one complete line: what is wrong and, where it helps, what to do. `weft.main`
prints it to stderr as `weft: <line>` and exits with `code` (1 = it failed, 2 = asked wrongly).
Nobody sees a traceback for something that he, his machine or the guest did.
"""

from __future__ import annotations


class Failure(Exception):
    """One line for people, and the exit code that goes with it."""

    def __init__(self, line: str, code: int = 1) -> None:
        super().__init__(line)
        self.code = code
