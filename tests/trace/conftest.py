# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the trace tests: the tool, the trace processor, captures of stories.

The generated module weft_trace_schema is made here from the schema itself, so that the tests can be
collected before anything is built.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import threading
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOL_SECONDS = 120
NODE_SECONDS = 300


def _load_generator() -> types.ModuleType:
    path = ROOT / "trace" / "schema" / "generate.py"
    spec = importlib.util.spec_from_file_location("trace_schema_generate", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


generator = _load_generator()
_schema = types.ModuleType("weft_trace_schema")
exec(generator.python_module(generator.load_schema()), _schema.__dict__)  # noqa: S102
sys.modules["weft_trace_schema"] = _schema


@pytest.fixture(scope="session")
def schema_generator() -> types.ModuleType:
    """trace/schema/generate.py as a module."""
    return generator


class Tool:
    """weft-trace as a function: tool("check", path) -> the finished process."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, *arguments: object, stdin: bytes | None = None
                 ) -> subprocess.CompletedProcess[str]:
        argv = [str(self.path), *map(str, arguments)]
        done = subprocess.run(argv, input=stdin, capture_output=True, timeout=TOOL_SECONDS)
        return subprocess.CompletedProcess(argv, done.returncode, done.stdout.decode(),
                                           done.stderr.decode())

    def ok(self, *arguments: object) -> str:
        """The output of a call that must succeed."""
        done = self(*arguments)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr
        return done.stdout

    def json(self, *arguments: object):
        return json.loads(self.ok(*arguments, "--json"))

    def refuses(self, *arguments: object) -> str:
        """The one line with which a call with bad input must end."""
        done = self(*arguments)
        assert done.returncode == 2, (done.returncode, done.stdout[-500:], done.stderr)
        assert done.stderr.startswith("weft-trace: ") and done.stderr.count("\n") == 1, done.stderr
        return done.stderr


@pytest.fixture(scope="session")
def tool(tree) -> Tool:
    return Tool(tree.trace_tool)


@pytest.fixture(scope="session")
def trace_processor() -> Iterator[Callable[[Path, list[str]], list[list[tuple]]]]:
    """trace_processor(trace, [sql, ...]) -> the rows of each statement, from the real one."""
    script = ROOT / "tests" / "perfetto" / "trace_processor.mjs"
    process = subprocess.Popen(["node", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               text=True)

    def ask(trace: Path, queries: list[str]) -> list[list[tuple]]:
        watchdog = threading.Timer(NODE_SECONDS, process.kill)
        watchdog.start()
        try:
            process.stdin.write(json.dumps({"trace": str(trace), "queries": queries}) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        finally:
            watchdog.cancel()
        assert line, "the trace processor ended or took too long"
        answers = json.loads(line)
        assert "error" not in answers, answers
        for sql, answer in zip(queries, answers, strict=True):
            assert "error" not in answer, f"{sql}: {answer['error']}"
        return [[tuple(row) for row in answer["rows"]] for answer in answers]

    yield ask
    process.stdin.close()
    process.kill()
    process.wait()


@pytest.fixture
def convert(tool, tmp_path) -> Callable[..., Path]:
    """convert(capture or story) -> its timeline, a file."""

    def run(capture) -> Path:
        if hasattr(capture, "capture"):
            capture = capture.capture.write(tmp_path / "a.weft")
        out = tmp_path / "a.pftrace"
        tool.ok("convert", capture, "-o", out)
        return out

    return run
