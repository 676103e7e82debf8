# SPDX-License-Identifier: Apache-2.0
"""The generated module weft_trace_schema, found where the build puts it."""

from __future__ import annotations

import sys
from pathlib import Path

GENERATED = Path(__file__).resolve().parents[4] / "build" / "gen" / "python"

try:
    import weft_trace_schema as schema
except ModuleNotFoundError:
    sys.path.append(str(GENERATED))
    try:
        import weft_trace_schema as schema
    except ModuleNotFoundError:
        sys.path.remove(str(GENERATED))
        raise ModuleNotFoundError(
            f"weft_trace_schema is not in {GENERATED}: build the tree first (./weft build)"
        ) from None

__all__ = ["schema"]
