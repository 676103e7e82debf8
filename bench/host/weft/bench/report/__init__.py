# SPDX-License-Identifier: Apache-2.0
"""The report: report.html (one file, no network, no script, light and dark), report.md, results.csv.

    files = documents(results, details, catalogue)      # name: content

A pure function of its arguments: the same data give the same bytes, so a report can be made again
from results.json and details.json (`weft bench --report-only`) and compared. `view` reads the data,
`page` puts the HTML together from the sections in `tables`, `beside`, `curve_sections`, `sections` and `about`,
`plots` draws SVG, `markup` escapes, style.css is the look; `markdown` and `sheet` are the others.
"""

from typing import Any

from weft.bench.catalogue import Catalogue
from weft.bench.report.markdown import markdown
from weft.bench.report.page import render
from weft.bench.report.sheet import sheet

__all__ = ["documents", "markdown", "render", "sheet"]


def documents(results: dict[str, Any], details: dict[str, Any], catalogue: Catalogue) -> dict[str, str]:
    """The three files by their names."""
    arguments = (results, details, catalogue)
    return {"report.html": render(*arguments), "report.md": markdown(*arguments), "results.csv": sheet(*arguments)}
