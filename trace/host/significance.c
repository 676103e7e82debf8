/* SPDX-License-Identifier: Apache-2.0
 *
 * The rank-sum test; see significance.h. The normal approximation is used, which needs some twenty
 * values on each side to be good; below that p is on the careless side.
 */
#include "significance.h"

#include <math.h>

struct comparison histograms_compare(const struct histogram *a, const struct histogram *b)
{
    double n = (double)a->count, m = (double)b->count, all = n + m;
    double wins = 0, below = 0, ties = 0, deviation;
    size_t i = 0, j = 0;

    if (!a->count || !b->count) {
        return (struct comparison){.greater = 0.5, .p = 1};
    }
    while (i < a->used || j < b->used) {
        int64_t value;
        double here = 0, there = 0;

        if (j == b->used || (i < a->used && a->buckets[i].value <= b->buckets[j].value)) {
            value = a->buckets[i].value;
        } else {
            value = b->buckets[j].value;
        }
        if (i < a->used && a->buckets[i].value == value) {
            here = (double)a->buckets[i++].count;
        }
        if (j < b->used && b->buckets[j].value == value) {
            there = (double)b->buckets[j++].count;
        }
        wins += there * (below + here / 2);
        below += here;
        ties += (here + there) * ((here + there) * (here + there) - 1);
    }
    deviation = sqrt(n * m / 12 * (all + 1 - ties / (all * fmax(all - 1, 1))));
    return (struct comparison){
        .greater = wins / (n * m),
        .p = deviation > 0 ? erfc(fabs(wins - n * m / 2) / deviation / sqrt(2)) : 1,
    };
}
