# SPDX-License-Identifier: Apache-2.0
"""What a build says by itself."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from weft import build


@pytest.mark.parametrize(("quiet", "said"), [(True, "weft: building\n"), (False, "")])
def test_a_build_that_takes_long_says_that_it_builds(monkeypatch: Any, capsys: Any, quiet: bool, said: str) -> None:
    told = threading.Event()

    def run(command: list[str], *_: Any) -> None:
        if command[0] == "ninja" and quiet:
            assert told.wait(20)

    class Telling:
        def write(self, text: str) -> None:
            print(text, end="")
            told.set()

        def flush(self) -> None:
            pass

    monkeypatch.setattr(build, "PATIENCE", 0.01)
    monkeypatch.setattr(build, "_run", run)
    monkeypatch.setattr(build.sys, "stderr", Telling())
    build.build(quiet=quiet)
    assert capsys.readouterr().out == said


def test_a_build_that_takes_no_time_says_nothing(monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setattr(build, "_run", lambda *_: None)
    build.build()
    assert capsys.readouterr().err == ""
    assert not [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer) and not thread.finished.is_set()]
