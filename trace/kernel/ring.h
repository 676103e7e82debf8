/* SPDX-License-Identifier: Apache-2.0
 *
 * A CPU's trace state; part of struct cpu. trace/kernel/trace.h has the writers.
 */
#pragma once

#include <stdint.h>

#include "trace/kernel/layout.h"

struct trace_cpu {
    struct trace_ring rings[TRACE_RING_KINDS]; /* (O) read by the host at any time */
    uint8_t mask;                              /* (O) categories that are on */
};
