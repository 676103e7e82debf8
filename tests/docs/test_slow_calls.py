# SPDX-License-Identifier: Apache-2.0
"""docs/example-slow-calls.md: every step runs, prints what the document shows, and the answer holds.

The figures of the document are those of one day; here they are numbers like any others, but the words,
the rows and the columns must be the same. Whether the figures still say what the text concludes from them
is asked below.
"""

from __future__ import annotations

import doctest
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "example-slow-calls.md"
BENCH = "./weft bench --suite quick --accel icount --out out/example"


class Shape(doctest.OutputChecker):
    """Text is equal if it is when every number is replaced and blanks do not count."""

    @staticmethod
    def of(text: str) -> str:
        return " ".join(re.sub(r"\d+(\.\d+)?", "#", text).split())

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        return self.of(want) == self.of(got)


def run_document(out: Path) -> tuple[dict[str, Any], list[str]]:
    """The names that its code has made in the end, and what did not come out as shown."""
    text = DOCUMENT.read_text(encoding="utf-8").replace("out/example", str(out))
    test = doctest.DocTestParser().get_doctest(text, {}, DOCUMENT.name, str(DOCUMENT), 0)
    failures: list[str] = []
    doctest.DocTestRunner(Shape(), verbose=False).run(test, out=failures.append, clear_globs=False)
    assert len(test.examples) > 15
    return test.globs, failures


def test_the_example_of_the_manual_answers_its_question(
    build: Any, weft: Callable[..., Any], tmp_path: Path
) -> None:
    assert BENCH in DOCUMENT.read_text(encoding="utf-8")
    done = weft(*BENCH.split()[1:-1], str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    names, failures = run_document(tmp_path)
    assert not failures, "".join(failures)

    matrix, times = names["matrix"], names["times"]
    for (client, server), pair in matrix.groupby(["client_cpu", "server_cpu"]):
        last = pair[pair.slow].resume_at.max()
        halts = [time for cpu in set(range(4)) - {client, server} for time in times("idle_halt", cpu)]
        halt = max(time for time in halts if time < pair.resume_at.max())
        # Until the last of the others has halted every call is slow, but for the first ones perhaps, and
        # from then on none.
        assert (pair[pair.turn > 1].slow == (pair[pair.turn > 1].enter_at < halt)).all()
        assert 0 < last - halt < pair.total.max()
        assert pair[pair.slow].turn.max() < 50
    longer = matrix.groupby("slow")[names["stages"]].mean().T
    longer = (longer[True] - longer[False]).drop("total")
    assert longer[["doorbell", "reply"]].sum() > 0.99 * longer.sum()
