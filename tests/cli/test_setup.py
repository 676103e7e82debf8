# SPDX-License-Identifier: Apache-2.0
"""Set-up on machines that lack this and that, played by a PATH of small scripts."""

import subprocess
from pathlib import Path

import pytest

from weft import debian, node, python_environment, setup, tools
from weft.failure import Failure
from weft.needs import LEVELS, NPM_FOLDER, REQUIREMENTS, TOOLS, Tool


class Machine:
    """A machine that has only the programs that are put on it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bin = folder / "bin"
        self.bin.mkdir()
        monkeypatch.setenv("PATH", str(self.bin))
        monkeypatch.setattr(tools, "MEMORY", folder / "tools.json")
        monkeypatch.setattr("weft.steps.LOG", folder / "setup.log")

    def put(self, name: str, script: str) -> Path:
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


CLANG = Tool("clang", "clang", "run", (14,))


@pytest.mark.parametrize(
    "said, problem",
    [
        ("Debian clang version 14.0.6", ""),
        ("clang version 19.1.0", ""),
        ("clang version 13.0.1", "too old: 13.0.1, needs 14 or newer"),
        ("clang version unknown", "does not tell its version"),
        ("", "does not tell its version"),
    ],
)
def test_versions_are_checked(machine: Machine, said: str, problem: str) -> None:
    machine.put("clang", f"echo '{said}'")
    found = tools.missing([CLANG])
    assert (found == []) if not problem else (problem in found[0][1])


def test_a_minor_version_counts(machine: Machine) -> None:
    qemu = Tool("qemu-system-x86_64", "qemu-system-x86", "run", (7, 2))
    machine.put("qemu-system-x86_64", "echo QEMU emulator version 7.1.9")
    assert "too old" in tools.missing([qemu])[0][1]


def test_an_absent_program_is_missing(machine: Machine) -> None:
    assert tools.missing([CLANG]) == [(CLANG, "not found")]


def test_a_version_is_asked_for_once_until_the_program_changes(machine: Machine, tmp_path: Path) -> None:
    count = tmp_path / "count"
    machine.put("clang", f"echo x >> {count}; echo clang version 14.0.6")
    assert tools.missing([CLANG]) == [] and tools.missing([CLANG]) == []
    assert count.read_text() == "x\n"
    machine.put("clang", f"echo x >> {count}; echo clang version 11.0.1-2")
    assert "too old" in tools.missing([CLANG])[0][1]


def test_a_damaged_memory_is_forgotten(machine: Machine) -> None:
    machine.put("clang", "echo clang version 14.0.6")
    for text in ("", "[]", "{", "null"):
        tools.MEMORY.write_text(text)
        assert tools.missing([CLANG]) == []


def test_without_root_the_line_to_run_is_printed(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    machine.put("apt-get", "exit 99")
    with pytest.raises(Failure, match=r"su -c 'apt-get update && apt-get install .* clang lld'$"):
        debian.install(["clang", "lld"])


def test_a_sudo_that_asks_is_not_used(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    machine.put("apt-get", "exit 99")
    machine.put("sudo", "exit 1")
    with pytest.raises(Failure, match=r"sudo sh -c 'apt-get update && "):
        debian.install(["clang"])


def test_without_apt_the_packages_are_named(machine: Machine) -> None:
    with pytest.raises(Failure, match="no apt-get here; install the equivalents of: clang lld"):
        debian.install(["clang", "lld"])


def make_apt(machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, install: str) -> Path:
    """An apt-get that writes down how it was called; `install` is what installing does."""
    monkeypatch.setattr("os.geteuid", lambda: 0)
    calls = tmp_path / "calls"
    machine.put(
        "apt-get",
        f'echo "$DEBIAN_FRONTEND $*" >> {calls}\n'
        f'case "$*" in update) exit 0;; *" -s "*|*print-uris*) echo "Inst clang"; exit 0;; esac\n{install}',
    )
    return calls


def test_packages_are_installed_without_a_question(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = make_apt(machine, tmp_path, monkeypatch, "exit 0")
    debian.install(["clang", "lld"])
    last = calls.read_text().splitlines()[-1]
    assert last.startswith("noninteractive install -y --no-install-recommends")
    assert last.endswith("clang lld") and "update" not in calls.read_text()


def test_old_lists_are_fetched_again(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_once = f"test -e {tmp_path}/again || {{ : > {tmp_path}/again; echo 404; exit 100; }}"
    calls = make_apt(machine, tmp_path, monkeypatch, fail_once)
    debian.install(["clang"])
    assert "noninteractive update" in calls.read_text()


def test_a_failed_installation_says_where_the_log_is(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_apt(machine, tmp_path, monkeypatch, "echo E: disk full; exit 100")
    with pytest.raises(Failure, match=f"exit code 100.*{tmp_path}/setup.log"):
        debian.install(["clang"])
    assert "E: disk full" in capsys.readouterr().err


def test_nothing_is_missing_here_and_that_is_quick() -> None:
    """This very machine has been set up, or the test would not run."""
    for level in LEVELS:
        assert not setup.missing(level), setup.missing(level).reports


def test_a_package_of_another_version_is_missing(tmp_path: Path) -> None:
    wanted = tmp_path / "requirements.txt"
    wanted.write_text("# note\npytest==0.0.1\nabsent-package==1.0\n")
    assert python_environment.missing([wanted]) == ["pytest 0.0.1", "absent-package 1.0"]


def test_every_requirement_is_pinned() -> None:
    for path in REQUIREMENTS.values():
        lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
        assert lines and all(python_environment.PINNED.match(line) for line in lines), path


def test_the_lock_file_names_no_registry() -> None:
    assert '"resolved"' not in (NPM_FOLDER / "package-lock.json").read_text()


def test_a_changed_lock_file_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("package.json", "package-lock.json"):
        (tmp_path / name).write_text((NPM_FOLDER / name).read_text())
    (tmp_path / "node_modules").mkdir()
    monkeypatch.setattr(node, "NPM_FOLDER", tmp_path)
    monkeypatch.setattr(node, "STAMP", tmp_path / "node_modules" / ".weft-stamp")
    assert len(node.missing()) >= 2, "no stamp: an installation that was interrupted"
    node.STAMP.write_text(node._stamp())
    monkeypatch.setattr(node, "_installed", lambda name: node._wanted()[name])
    assert node.missing() == []
    (tmp_path / "package-lock.json").write_text("{}")
    assert len(node.missing()) >= 2


def test_every_tool_is_packaged_by_debian() -> None:
    names = sorted({tool.package for tool in TOOLS})
    done = subprocess.run(["apt-cache", "show", *names], capture_output=True, text=True)
    if not done.stdout:
        pytest.skip("no package lists on this machine")
    shown = {line.split()[1] for line in done.stdout.splitlines() if line.startswith("Package: ")}
    assert shown == set(names)
