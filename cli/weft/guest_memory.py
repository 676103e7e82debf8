# SPDX-License-Identifier: Apache-2.0
"""The guest's RAM as an anonymous file: QEMU maps it, and whoever holds it can read it afterwards.

It has no name, so nothing is left behind and no /dev/shm can be too small for it; only pages that
the guest has touched take memory. It lives until close(), however long QEMU has been gone.
"""

from __future__ import annotations

import os
from pathlib import Path


class GuestMemory:
    def __init__(self, size: int) -> None:
        self.size = size
        self.descriptor = os.memfd_create("weft-memory")
        os.ftruncate(self.descriptor, size)

    def close(self) -> None:
        os.close(self.descriptor)
        self.descriptor = -1  # the number may soon be another file's

    @property
    def path(self) -> Path:
        """A name by which any process of this user can open it, until close()."""
        return Path(f"/proc/{os.getpid()}/fd/{self.descriptor}")

    def save(self, out: Path) -> Path:
        """Copies it to a file, holes kept as holes: for a debugger, for later."""
        with out.open("wb") as file:
            file.truncate(self.size)
            start = 0
            while start < self.size:
                try:
                    start = os.lseek(self.descriptor, start, os.SEEK_DATA)
                except OSError:  # no data after this point
                    break
                end = os.lseek(self.descriptor, start, os.SEEK_HOLE)
                file.seek(start)
                while start < end:
                    start += os.sendfile(file.fileno(), self.descriptor, start, end - start)
        return out
