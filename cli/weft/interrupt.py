# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C that cannot be lost.

    interrupt.watch()           # once, when a command begins
    interrupt.check()           # between the steps of long work: raises KeyboardInterrupt if one was lost

Python raises KeyboardInterrupt wherever the main thread happens to be. Where that is a callback from which no
exception can leave (at a fork, in a destructor), Python prints it and goes on, and a command that was told to
stop would run to its end. So what arrived is noted as well, and looked at between steps.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType

_seen = threading.Event()


def watch() -> None:
    """From here on. Nothing happens where Ctrl-C is ignored, or where somebody else handles it."""
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _note)


def check() -> None:
    """KeyboardInterrupt if one arrived and nobody has seen it."""
    if _seen.is_set():
        _seen.clear()
        raise KeyboardInterrupt


def _note(_number: int, _frame: FrameType | None) -> None:
    _seen.set()
    raise KeyboardInterrupt
