# SPDX-License-Identifier: Apache-2.0
"""`weft bench`: builds, boots, measures, and writes out/bench/.

The package stands on the standard library alone. `main` is the command; the parts are: catalogue
(what is measured and what it means, read from bench/*.toml), launcher (build and boot), runner
(order, checks, repetitions), records and figures (the guest's numbers), results (the files), table
(the terminal) and report (the page).
"""

from weft.bench.command import main

__all__ = ["main"]
