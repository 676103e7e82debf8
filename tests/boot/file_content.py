# SPDX-License-Identifier: Apache-2.0
"""The content of test files, as tests/guest/file_content.h makes it."""

from __future__ import annotations

import numpy as np


def content(seed: int, version: int, size: int) -> bytes:
    words = np.arange(size // 8, dtype="<u8") | np.uint64(seed << 48 | version << 28)
    return bytes(words.tobytes())
