# SPDX-License-Identifier: Apache-2.0
"""How `weft faults` counts, and what it sees on the disk; no machine is booted."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from weft import endure, faults, main
from weft.faults_table import Fault, quantile, summary, table

RECORD = {
    "record": "fault", "number": 0, "service": "disk", "kind": "kill", "at": 1000, "how": "", "by": "", "noticed": 0,
    "recovered": 0, "took": 0, "restarts": 0, "others": 0, "lost": 0, "latent": "", "laggard": "",
}  # fmt: skip


def fault(**fields: object) -> Fault:
    return Fault.of(1, {**RECORD, **fields})


def test_figures_are_counted_by_service() -> None:
    found = [
        fault(),
        fault(how="killed", by="init", recovered=1, took=2000),
        fault(how="hang", by="init", recovered=1, took=4000),
        fault(service="store", how="wrong", by="client", lost=2, laggard="store"),
    ]
    lines = table(found, "service")
    assert [line.split()[0] for line in lines] == ["service", "disk", "store", "all"]
    assert lines[1].split()[1:] == ["3", "2", "1", "1", "0", "0", "2", "0", "2", "0", "2.0", "2.0", "4.0", "4.0"]
    assert lines[2].split()[1:] == ["1", "1", "0", "0", "1", "0", "0", "1", "0", "2", "-", "-", "-", "-"]
    assert summary(found).startswith("4 faults injected, 3 manifested, 2 recovered without help (66.67 %)")


def test_late_failures_count_as_manifested_and_not_recovered() -> None:
    found = [fault(), fault(how="killed", by="init", recovered=1, took=2000)]
    line = "2 faults injected, 3 manifested (2 of them late), 1 recovered without help (33.33 %)"
    assert summary(found, late=2) == line


@pytest.mark.parametrize(
    ("line", "again"),
    [
        ("--endure 30", "./weft faults --endure 30"),
        (
            "--endure 3 --cpus 2 --accel icount --no-iommu --append 'spare=pci every=50'",
            "./weft faults --endure 3 --accel icount --cpus 2 --no-iommu --append 'spare=pci every=50'",
        ),
    ],
)
def test_an_endurance_run_again_is_the_same_run(line: str, again: str, tmp_path: Path) -> None:
    def request(words: str) -> endure.Request:
        arguments = main.make_parser().parse_args([*shlex.split(words), "--out", str(tmp_path)])
        return endure.check(arguments)

    first = request(f"faults {line}")
    assert first.command == again
    assert request(first.command.removeprefix("./weft ")) == first


def test_quantiles_are_values_that_occurred() -> None:
    values = list(range(1, 11))
    assert [quantile(values, share) for share in (0.5, 0.9, 1.0)] == [5, 9, 10]
    assert quantile([7], 0.5) == 7


def test_a_table_of_nothing_has_a_head() -> None:
    assert len(table([], "kind")) == 1


def test_damage_on_the_disk_is_where_no_client_writes(tmp_path: Path) -> None:
    disk, before = tmp_path / "disk.img", faults.pattern()
    content = bytearray(before)
    content[faults.CLIENTS_PART.start] ^= 1
    content[faults.CLIENTS_PART.stop - 1] ^= 1
    disk.write_bytes(content)
    assert faults.damage(disk, before) == ""
    content[faults.CLIENTS_PART.stop + 3] ^= 1
    disk.write_bytes(content)
    assert str(faults.CLIENTS_PART.stop + 3) in faults.damage(disk, before)
