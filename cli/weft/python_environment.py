# SPDX-License-Identifier: Apache-2.0
"""The Python packages in .venv.

`missing(files)` compares requirement files (lines `name==version`) with what lies in .venv;
`install(files)` makes .venv if it is not there, or not of this Python, and installs exactly these
versions. A .pth file puts the tree's own packages on its path, so `import weft.trace` works in
every program that .venv's Python runs.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from weft.paths import PYTHON_ROOTS, ROOT, VENV, VENV_PYTHON
from weft.steps import run_step

DEBIAN_PACKAGE = "python3-venv"
PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([A-Za-z0-9.!+_-]+)$")


def missing(files: Sequence[Path]) -> list[str]:
    """The pinned packages (`name version`) that .venv does not have; all when it is unusable."""
    wanted = [requirement for path in files for requirement in _pinned(path)]
    if not _usable():
        return [f"{name} {version}" for name, version in wanted]
    present = {path.name for path in _site_packages().glob("*.dist-info")}
    absent = [
        f"{name} {version}"
        for name, version in wanted
        if f"{_normalised(name)}-{version}.dist-info" not in {_lower(item) for item in present}
    ]
    if not absent and wanted and _path_file_text() != _read(_path_file()):
        absent.append("the tree's own packages")
    return absent


def can_create() -> bool:
    """Whether this Python can make a virtual environment. Debian keeps the half of it apart."""
    return _usable() or importlib.util.find_spec("ensurepip") is not None


def install(files: Sequence[Path]) -> None:
    """Make .venv hold what the files name."""
    if not _usable():
        if VENV.exists():
            shutil.rmtree(VENV)
        run_step("making .venv", [_base_python(), "-m", "venv", str(VENV)], lambda line: None)
    arguments = [argument for path in files for argument in ("-r", str(path))]
    count = sum(len(_pinned(path)) for path in files)
    run_step(
        f"installing {count} Python packages",
        [str(VENV_PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--no-input",
         "--progress-bar", "off", "--no-deps", *arguments],
        lambda line: line.split(" (from")[0] if line.startswith("Collecting") else None,
    )  # fmt: skip
    _path_file().write_text(_path_file_text(), encoding="utf-8")


def _pinned(path: Path) -> list[tuple[str, str]]:
    matches = (PINNED.match(line.strip()) for line in path.read_text(encoding="utf-8").splitlines())
    return [(match[1], match[2]) for match in matches if match]


def _base_python() -> str:
    """The interpreter that .venv is made from: the one that runs us, outside of any environment."""
    return str(getattr(sys, "_base_executable", None) or sys.executable)


def _site_packages() -> Path:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return VENV / "lib" / version / "site-packages"


def _usable() -> bool:
    """Whether .venv exists with pip, for this version of Python, and its interpreter is still there."""
    pip = _site_packages() / "pip" / "__main__.py"
    return VENV_PYTHON.exists() and pip.exists()


def _path_file() -> Path:
    return _site_packages() / "weft-tree.pth"


def _path_file_text() -> str:
    return "".join(f"{ROOT / part}\n" for part in PYTHON_ROOTS)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name).lower()


def _lower(folder: str) -> str:
    """A dist-info folder's name with the package's part normalised: both spellings are in use."""
    name, _, rest = folder.partition("-")
    return f"{_normalised(name)}-{rest}"
