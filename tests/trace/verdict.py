# SPDX-License-Identifier: Apache-2.0
"""What `weft-trace check` says of a story: its exit code, 0 or 1, and its text."""

from __future__ import annotations

from pathlib import Path

from stories import Story


def check(tool, tmp_path: Path, story: Story) -> tuple[int, str]:
    done = tool("check", story.capture.write(tmp_path / "a.weft"))
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, done.stdout
