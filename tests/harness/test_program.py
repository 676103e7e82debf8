# SPDX-License-Identifier: Apache-2.0
"""What the harness reads from a guest test's source."""

from __future__ import annotations

from pathlib import Path

import pytest
from weft.harness.program import Configuration, parse_configurations, read_program
from weft.machine import UsageError

SOURCE = """\
/* SPDX-License-Identifier: Apache-2.0 */
/* weft-test: cpus=1,4 accel=tcg,icount */
#include "weft/ktap.h"
/* TEST(commented_out, "not there") */
// TEST(commented_out_too, "not there")
TEST(first, "does one thing, and (perhaps) another")
{
    EXPECT(TEST_VALUE(3));
}
  TEST( second , "indented")
{
}
KTAP_MAIN
"""


def write(folder: Path, text: str, name: str = "call.c") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_reads_tests_in_order_and_the_matrix(tmp_path: Path) -> None:
    program = read_program(write(tmp_path, SOURCE))
    assert program is not None
    assert program.name == "test_call"
    assert program.tests == ("first", "second")
    assert [(c.cpus, c.accel) for c in program.configurations] == [
        (1, "tcg"), (1, "icount"), (4, "tcg"), (4, "icount"),
    ]  # fmt: skip


def test_no_test_is_no_program(tmp_path: Path) -> None:
    assert read_program(write(tmp_path, "int helper(void);\n")) is None


def test_defaults_to_one_configuration(tmp_path: Path) -> None:
    program = read_program(write(tmp_path, 'TEST(one, "x")\n'))
    assert program is not None and program.configurations == (Configuration(),)
    assert Configuration().name == "tcg-4cpu"


def test_configuration_names_tell_what_is_unusual() -> None:
    line = 'cpus=2 memory=64M cpu=qemu64 append="trace=off doorbell=elide" seed=7'
    (configuration,) = parse_configurations(line)
    assert configuration.name == "tcg-2cpu-64M-qemu64-trace=off_doorbell=elide-seed7"
    assert configuration.append == "trace=off doorbell=elide"


def test_program_name_does_not_double_its_prefix(tmp_path: Path) -> None:
    program = read_program(write(tmp_path, 'TEST(one, "x")\n', "test_faults.c"))
    assert program is not None and program.name == "test_faults"


@pytest.mark.parametrize(
    "text",
    [
        "/* weft-test: cpus=four */\nTEST(a, \"x\")\n",
        "/* weft-test: colour=red */\nTEST(a, \"x\")\n",
        "/* weft-test: cpus */\nTEST(a, \"x\")\n",
        "/* weft-test: memory=lots */\nTEST(a, \"x\")\n",
        'TEST(a, "x")\nTEST(a, "again")\n',
    ],
)  # fmt: skip
def test_refuses_what_it_does_not_understand(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match="call.c"):
        read_program(write(tmp_path, text))
