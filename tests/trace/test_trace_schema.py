# SPDX-License-Identifier: Apache-2.0
"""The schema: one source, checked, and everything that comes from it agrees."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = ROOT / "trace" / "schema" / "events.toml"


@pytest.fixture
def load(schema_generator, tmp_path):
    """load(old, new): the schema with a piece of its text replaced."""

    def run(old: str = "", new: str = ""):
        text = SCHEMA.read_text()
        assert old in text
        path = tmp_path / "events.toml"
        path.write_text(text.replace(old, new, 1))
        return schema_generator.load_schema(path)

    return run


def test_the_hash_follows_the_meaning_and_not_the_prose(load):
    same = load().hash
    assert load("who ran where, and who made it run", "other words").hash == same
    assert load("# To add an event", "# Some comment\n# To add an event").hash == same
    for old, new in (("id = 17", "id = 99"), ('name = "previous"', 'name = "before"'),
                     ("runnable = 0", "ready = 0"), ("bit = 5", "bit = 9"),
                     ('type = "signed", text = "exit status"', 'type = "number", text = "exit status"')):
        assert load(old, new).hash != same, (old, new)


@pytest.mark.parametrize("old, new, words", [
    ("id = 17", "id = 16", "events.wakeup: id 16 is that of switch"),
    ("id = 17", "id = 300", "events.wakeup: the id must be within"),
    ('[events.wakeup]\nid = 17\ncategory = "sched"', '[events.wakeup]\nid = 17\ncategory = "x"',
     "unknown category x"),
    ('name = "previous", type = "thread"', 'name = "previous", type = "fish"', "unknown type fish"),
    ('name = "previous"', 'name = "next"', "the name next is used twice"),
    ('question = "who ran where"', 'question = ""', "says no question"),
    ('question = "who ran where"', 'answer = "me"\nquestion = "who ran where"', "unknown key answer"),
    ("bit = 1,", "bit = 0,", "bits must differ"),
])
def test_contradictions_are_refused(load, schema_generator, old, new, words):
    with pytest.raises(schema_generator.SchemaError, match=re.escape(words)):
        load(old, new)


def test_the_build_stops_with_one_line(tmp_path):
    room = tmp_path / "trace" / "schema"
    room.mkdir(parents=True)
    (tmp_path / "kernel" / "abi").mkdir(parents=True)
    shutil.copy(ROOT / "kernel" / "abi" / "abi.toml", tmp_path / "kernel" / "abi")
    shutil.copy(ROOT / "trace" / "schema" / "generate.py", room)
    (room / "events.toml").write_text(SCHEMA.read_text().replace("id = 17", "id = 16", 1))
    done = subprocess.run([sys.executable, room / "generate.py", "--out", tmp_path / "out"],
                          capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "events.wakeup" in done.stderr


def test_generated_files_are_left_alone_when_nothing_changes(schema_generator, tmp_path):
    schema_generator.main(["--out", str(tmp_path)])
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    before = {path: path.stat().st_mtime_ns for path in files}
    schema_generator.main(["--out", str(tmp_path)])
    assert len(files) == 4 and {path: path.stat().st_mtime_ns for path in files} == before


def test_c_and_python_see_the_same_numbers(schema_generator, tmp_path):
    import weft_trace_schema as schema

    schema_generator.main(["--out", str(tmp_path)])
    source = tmp_path / "show.c"
    lines = ['printf("hash %llu\\n", (unsigned long long)TRACE_SCHEMA_HASH);']
    lines += [f'printf("{name} %d\\n", TRACE_EVENT_{name.upper()});' for name in schema.EVENTS]
    lines += [f'printf("{enum}.{value} %d\\n", TRACE_{enum.upper()}_{value.upper()});'
              for enum, values in schema.ENUMS.items() for value in values]
    source.write_text('#include <stdio.h>\n#include "weft/trace_events.h"\nint main(void)\n{\n'
                      + "\n".join(lines) + "\nreturn 0;\n}\n")
    program = tmp_path / "show"
    subprocess.run(["clang", "-std=gnu2x", f"-I{tmp_path}", source, "-o", program], check=True)
    shown = dict(line.rsplit(" ", 1) for line in
                 subprocess.run([program], capture_output=True, text=True).stdout.splitlines())
    expected = {"hash": schema.SCHEMA_HASH, **{n: e["id"] for n, e in schema.EVENTS.items()}}
    expected |= {f"{enum}.{value}": number for enum, values in schema.ENUMS.items()
                 for value, number in values.items()}
    assert {name: int(number) for name, number in shown.items()} == expected


def test_writers_put_fields_where_readers_look(schema_generator, tmp_path):
    """Every generated writer is called with marked values and its record is taken apart again."""
    schema_generator.main(["--out", str(tmp_path)])
    schema = schema_generator.load_schema()
    marks = {"small": 0x5A, "a": 0x11111111, "b": 0x22222222, "wide": 0x0123456789ABCDEF}
    calls = [f"trace_{event.name}({', '.join(hex(marks[f.slot]) for f in event.fields)});"
             for event in schema.events]
    source = tmp_path / "write.c"
    source.write_text(
        '#include <stdio.h>\n#include <stdint.h>\n'
        '#define TRACE_EMIT(category, id, small, a, b) '
        'printf("%u %u %u %u %u\\n", (category), (unsigned)(id), (small), (a), (b))\n'
        '#include "weft/trace_writers.h"\nint main(void)\n{\n' + "\n".join(calls)
        + "\nreturn 0;\n}\n")
    program = tmp_path / "write"
    subprocess.run(["clang", "-std=gnu2x", "-Wall", "-Wextra", "-Werror", f"-I{tmp_path}", source,
                    "-o", program], check=True)
    rows = subprocess.run([program], capture_output=True, text=True).stdout.splitlines()
    for event, row in zip(schema.events, rows, strict=True):
        category, id_, small, a, b = map(int, row.split())
        slots = {field.slot for field in event.fields}
        assert category == 1 << schema.categories[event.category]["bit"]
        assert (id_, small) == (event.id, marks["small"] if "small" in slots else 0)
        wanted = marks["wide"] if "wide" in slots else (
            (marks["a"] if "a" in slots else 0) | (marks["b"] << 32 if "b" in slots else 0))
        assert a | b << 32 == wanted, event.name


def test_the_documentation_names_every_event(schema_generator, tmp_path):
    out = tmp_path / "events.md"
    schema_generator.main(["--docs", str(out)])
    text = out.read_text()
    schema = schema_generator.load_schema()
    for event in schema.events:
        assert f"| {event.id} | `{event.name}` |" in text
    assert f"{schema.hash:016x}" in text
