# SPDX-License-Identifier: Apache-2.0
"""The report's pictures, as inline SVG whose colours come from the style sheet.

- bars: comparison() with other systems, on a linear scale from zero; ratios() with their spread;
- distribution: a histogram on a logarithmic axis with the percentiles marked below it;
- lines: curves over CPUs or another parameter;
- stages: the course of a call, in one bar and below each other;
- matrix: CPU by CPU heat map.

All are as wide as a telephone's screen, so that they look the same everywhere. Every picture has a role, a
title for screen readers and a tooltip per mark, and none needs a script. `frame` has what they share.
"""

from weft.bench.report.plots.bars import Bar, comparison, ratios
from weft.bench.report.plots.distribution import distribution
from weft.bench.report.plots.frame import logo
from weft.bench.report.plots.lines import Series, lines
from weft.bench.report.plots.matrix import matrix
from weft.bench.report.plots.stages import stages

__all__ = ["Bar", "Series", "comparison", "distribution", "lines", "logo", "matrix", "ratios", "stages"]
