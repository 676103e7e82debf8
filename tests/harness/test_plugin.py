# SPDX-License-Identifier: Apache-2.0
"""The plugin as a whole, from outside: pytest runs in small trees of its own with a fake QEMU.

Each tree has a build directory made by hand instead of a build, guest test sources whose programs
never run, and a fake QEMU first on PATH whose behaviour is the `append` of the source's header.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from process_state import is_gone

ROOT = Path(__file__).resolve().parents[2]
FAKE = Path(__file__).with_name("fake_qemu.py")
SECONDS = 60

CONFTEST = """
import sys
sys.path[:0] = {paths!r}
pytest_plugins = ["weft.harness.plugin"]

from weft.harness.tree import Tree
Tree.build = lambda self: self
"""

GOOD_REPORT = "say=KTAP_version_1 say=1..2 say=ok_1_adds say=ok_2_carries say=#_Totals:_pass:2_fail:0_skip:0"
SOURCE = '/* weft-test: append="{script}" {more} */\nTEST(adds, "x")\nTEST(carries, "y")\n'


class SmallTree:
    def __init__(self, root: Path) -> None:
        self.root = root
        paths = [str(ROOT / part) for part in ("cli", "trace/python", "bench/host", "tests/harness")]
        self.write("pytest.ini", "[pytest]\ntestpaths = tests\n")
        self.write("tests/conftest.py", CONFTEST.format(paths=paths))
        self.write("build/x86_64/test/kernel.elf", "")
        self.trace_tool("check)")  # has nothing to say
        qemu = self.write("bin/qemu-system-x86_64", f'#!/bin/sh\nexec {FAKE} "$@"\n')
        qemu.chmod(0o755)

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def trace_tool(self, case: str) -> None:
        """A weft-trace that takes captures, and does what this case of a shell says; nothing else works."""
        script = f"""#!/bin/sh
case $1 in
capture) while [ "$1" != -o ]; do shift; done; : >"$2";;
{case};;
*) echo no trace here >&2; exit 2;;
esac
"""
        self.write("build/host/weft-trace", script).chmod(0o755)

    def guest_test(self, name: str, script: str, more: str = "") -> None:
        self.write(f"tests/kernel/{name}.c", SOURCE.format(script=script, more=more))
        self.write(f"build/x86_64/images/test_{name}.cpio", "")

    def pytest(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PATH": f"{self.root / 'bin'}:{os.environ['PATH']}"}
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
            cwd=self.root, env=environment, capture_output=True, text=True, timeout=SECONDS,
        )  # fmt: skip


@pytest.fixture
def small(tmp_path: Path) -> SmallTree:
    return SmallTree(tmp_path)


def test_collecting_boots_nothing(small: SmallTree) -> None:
    small.guest_test("sum", "kill=9", "cpus=1,2")
    done = small.pytest("--collect-only", "-q")
    assert done.returncode == 0, done.stdout
    names = [line for line in done.stdout.splitlines() if "::" in line]
    assert len(names) == 2 * 3  # two configurations of two tests and the ending
    assert names[0].startswith("tests/kernel/sum.c::adds[tcg-1cpu")


def test_a_good_report_passes_with_one_boot(small: SmallTree) -> None:
    small.guest_test("sum", f"{GOOD_REPORT} exit=33")
    log = small.root / "boots"
    small.write(
        "bin/qemu-system-x86_64", f'#!/bin/sh\n[ $1 = --version ] || echo x >>{log}\nexec {FAKE} "$@"\n'
    )
    done = small.pytest()
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout.splitlines()[-1]
    assert log.read_text() == "x\n"
    assert not (small.root / "out").exists()


def test_a_failed_test_fails_alone_and_names_its_evidence(small: SmallTree) -> None:
    script = (
        "say=KTAP_version_1 say=1..2 say=ok_1_adds say=#_sum.c:9:_is_3,_not_4 say=not_ok_2_carries"
        " say=#_Totals:_pass:1_fail:1_skip:0 exit=35"
    )
    small.guest_test("sum", script)
    done = small.pytest()
    assert done.returncode == 1
    assert "1 failed, 2 passed" in done.stdout.splitlines()[-1]
    assert "sum.c:9: is 3, not 4" in done.stdout
    (folder,) = (small.root / "out" / "test").iterdir()
    assert f"everything is in: {folder}" in done.stdout
    assert f"under gdb: ./weft run {folder}/image.cpio --cpus 4 --mem 256M --accel tcg" in done.stdout
    assert "not ok 2 carries" in (folder / "console.log").read_text()
    assert str(FAKE.name) not in (folder / "command.txt").read_text()
    assert "-append" in (folder / "command.txt").read_text()
    assert (folder / "image.cpio").exists()
    assert "none (convert failed: no trace here)" in done.stdout


def test_an_impossible_trace_fails_the_ending_alone(small: SmallTree) -> None:
    small.trace_tool("check) echo CPU 0: a thread runs twice; exit 1")
    small.guest_test("sum", f"{GOOD_REPORT} exit=33")
    done = small.pytest()
    assert "1 failed, 2 passed" in done.stdout.splitlines()[-1]
    assert "trace: CPU 0: a thread runs twice" in done.stdout


@pytest.mark.parametrize(
    ("script", "failed", "words"),
    [
        ("say=KTAP_version_1 say=1..2 say=ok_1_adds exit=0", 2, "the boot ended as 'reset'"),
        ("say=KTAP_version_1 say=1..2 say=ok_1_adds say=weft:_PANIC:_boom exit=255", 2, "panic"),
        (f"{GOOD_REPORT} exit=35", 1, "the boot ended as 'failed'"),
        (GOOD_REPORT.replace(" say=#_Totals:_pass:2_fail:0_skip:0", " exit=33"), 1, "end line is missing"),
        (f"{GOOD_REPORT.replace('say=1..2 ', '')} exit=33", 1, "no plan"),
        (f"{GOOD_REPORT.replace('adds', 'subtracts')} exit=33", 2, "not declared in the source: subtracts"),
        ("exit=33", 3, "no report"),
        ("stderr=bad_CPU_model exit=1", 3, "QEMU failed: bad CPU model"),
        ("kill=11", 3, "SIGSEGV"),
    ],
)
def test_whatever_is_incomplete_fails(small: SmallTree, script: str, failed: int, words: str) -> None:
    small.guest_test("sum", script)
    done = small.pytest()
    assert done.returncode == 1
    assert f"{failed} failed" in done.stdout.splitlines()[-1], done.stdout
    assert words in done.stdout


def test_a_hanging_guest_fails_after_its_timeout(small: SmallTree) -> None:
    small.guest_test("sum", "say=KTAP_version_1 stubborn hang", "timeout=0.5")
    done = small.pytest()
    assert "3 failed" in done.stdout.splitlines()[-1]
    assert "'timeout'" in done.stdout


def test_a_skipped_test_is_skipped_with_its_reason(small: SmallTree) -> None:
    script = GOOD_REPORT.replace("ok_2_carries", "ok_2_carries_#_SKIP_one_CPU")
    small.guest_test("sum", f"{script.replace('pass:2_fail:0_skip:0', 'pass:1_fail:0_skip:1')} exit=33")
    done = small.pytest("-rs")
    assert "2 passed, 1 skipped" in done.stdout.splitlines()[-1], done.stdout
    assert "one CPU" in done.stdout


def test_a_bad_header_is_an_error_in_collection(small: SmallTree) -> None:
    small.guest_test("sum", "exit=33", "cpus=many")
    done = small.pytest()
    assert done.returncode == 2 and "weft-test line" in done.stdout


BOOTING = """
def test_boots(boot):
    guest = boot(image=None, cmdline={script!r})
    guest.wait_for("up", 20)
    print("pid", guest.machine.pid)
    {then}
"""


def test_a_failing_python_test_saves_its_guest(small: SmallTree) -> None:
    small.write("tests/test_x.py", BOOTING.format(script="say=up qmp", then="assert guest is None"))
    done = small.pytest()
    assert "1 failed" in done.stdout.splitlines()[-1]
    folder = small.root / "out" / "test" / "tests_test_x.py_test_boots"
    assert (folder / "console.log").read_text() == "up\n"
    assert "still running when the test failed" in (folder / "outcome.txt").read_text()
    assert f"everything is in: {folder}" in done.stdout


@pytest.mark.parametrize("with_block", [True, False])
def test_an_impossible_trace_fails_a_python_test(small: SmallTree, with_block: bool) -> None:
    small.trace_tool("check) echo CPU 0: a thread runs twice; exit 1")
    start = "boot(image=None, cmdline='say=up exit=33')"
    lines = [f"with {start} as guest:", "    guest.wait()"] if with_block else [f"{start}.wait()"]
    small.write("tests/test_x.py", "\n    ".join(["def test_boots(boot):", *lines]) + "\n")
    done = small.pytest()
    assert ("1 failed" if with_block else "1 error") in done.stdout.splitlines()[-1], done.stdout
    assert "trace: CPU 0: a thread runs twice" in done.stdout


def test_a_running_machine_and_one_without_a_trace_break_no_rule(small: SmallTree) -> None:
    small.trace_tool("check) echo CPU 0: a thread runs twice; exit 1")
    running = "def test_a(boot):\n    with boot(image=None, cmdline='say=up qmp') as guest:\n        guest.wait_for('up', 20)\n"
    small.write("tests/test_x.py", running)
    assert "1 passed" in small.pytest().stdout.splitlines()[-1]
    small.write("build/host/weft-trace", "#!/bin/sh\necho no trace here >&2; exit 2\n")
    small.write("tests/test_x.py", running.replace("up qmp", "up exit=33").replace("wait_for('up', 20)", "wait()"))
    assert "1 passed" in small.pytest().stdout.splitlines()[-1]


@pytest.mark.parametrize(
    "then", ["pass", "assert False", "import os; os._exit(1)", "raise KeyboardInterrupt"]
)
def test_no_guest_outlives_its_test(small: SmallTree, then: str) -> None:
    small.write("tests/test_x.py", BOOTING.format(script="stubborn say=up hang", then=then))
    pid_file = small.root / "pid"
    small.write(
        "bin/qemu-system-x86_64",
        f'#!/bin/sh\n[ $1 = --version ] || echo $$ >{pid_file}\nexec {FAKE} "$@"\n',
    )
    small.pytest("-s")
    assert is_gone(int(pid_file.read_text()))


def test_what_a_test_left_running_is_killed_at_the_end(small: SmallTree) -> None:
    small.write(
        "tests/test_x.py",
        "import subprocess, sys\n"
        "def test_leaves_a_daemon(tmp_path):\n"
        "    code = 'import signal; signal.pause()'\n"
        "    daemon = subprocess.Popen([sys.executable, '-c', code], start_new_session=True)\n"
        f"    open({str(small.root / 'pid')!r}, 'w').write(str(daemon.pid))\n",
    )
    done = small.pytest()
    assert "1 passed" in done.stdout.splitlines()[-1], "the summary comes last"
    assert is_gone(int((small.root / "pid").read_text()))
