/* SPDX-License-Identifier: Apache-2.0
 *
 * Do two sets of durations differ? The rank-sum test of Mann, Whitney and Wilcoxon on two finished
 * histograms: it asks nothing of their shapes, and ties are accounted for.
 */
#pragma once

#include "histogram.h"

struct comparison {
    double
        greater; /* chance that a value of B is above one of A, ties counting half: 0.5 = no shift */
    double p;    /* chance of a shift at least as large if A and B are of one distribution */
};

struct comparison histograms_compare(const struct histogram *a, const struct histogram *b);
