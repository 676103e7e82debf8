# SPDX-License-Identifier: Apache-2.0
"""report.html: one file, no network, no script, light and dark.

    html = render(results, details, catalogue)

A pure function of its arguments: the same data give the same bytes, so a report can be made again
from results.json and details.json (`weft bench --report-only`) and compared. `view` reads the
data, `page` and `sections` hold the parts and their words, `plots` draws SVG, `markup` escapes,
style.css is the look.
"""

from weft.bench.report.page import render

__all__ = ["render"]
