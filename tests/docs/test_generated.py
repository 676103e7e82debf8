# SPDX-License-Identifier: Apache-2.0
"""The documents that are made from data are what the data make today, and links lead somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def documents() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize(
    ("document", "command"),
    [
        ("system-calls.md", [sys.executable, "kernel/abi/generate.py", "--docs"]),
        ("trace-events.md", [sys.executable, "trace/schema/generate.py", "--docs"]),
    ],
)
def test_a_generated_document_is_up_to_date(tmp_path: Path, document: str, command: list[str]) -> None:
    made = tmp_path / document
    subprocess.run([*command, str(made)], cwd=ROOT, check=True, timeout=60)
    text = f"docs/{document} is old: run {' '.join(command[1:])} docs/{document}"
    assert (ROOT / "docs" / document).read_text() == made.read_text(), text


def test_the_benchmarks_document_is_up_to_date(tmp_path: Path) -> None:
    from weft.bench import main

    made = tmp_path / "benchmarks.md"
    assert main(["--docs", str(made)]) == 0
    text = "docs/benchmarks.md is old: run ./weft bench --docs docs/benchmarks.md"
    assert (ROOT / "docs" / "benchmarks.md").read_text() == made.read_text(), text


@pytest.mark.parametrize("document", documents(), ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    """Files that a document links to exist, and so do the headings in them."""
    broken = []
    for target in LINK.findall(document.read_text()):
        if re.match(r"[a-z]+://", target):
            continue
        path, _, heading = target.partition("#")
        file = (document.parent / path).resolve() if path else document
        if not file.exists() or (heading and heading not in headings(file)):
            broken.append(target)
    assert broken == []


def test_the_list_of_documents_has_all_of_them() -> None:
    linked = set(LINK.findall((ROOT / "README.md").read_text()))
    assert {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")} - linked == set()


@pytest.mark.parametrize("document", documents(), ids=lambda path: path.name)
def test_paths_in_the_text_exist(document: Path) -> None:
    """What stands in backticks and begins with a room of the tree is there."""
    rooms = "kernel|smp|ipc|trace|userspace|bench|tests|cli|docs"
    missing = []
    for path in re.findall(rf"`((?:{rooms})/[\w./-]+)`", document.read_text()):
        if not (ROOT / path).exists():
            missing.append(path)
    assert missing == []


def headings(document: Path) -> set[str]:
    """The anchors that a Markdown file's headings get."""
    lines = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line.lower()).strip().replace(" ", "-") for line in lines}
