/* SPDX-License-Identifier: Apache-2.0
 *
 * An assertion of a port that does not hold ends the process with a line.
 */
#pragma once

#include "weft/startup.h"

#define assert(condition)                                                                          \
    ((condition) ? (void)0 : weft_fail("%s:%d: %s does not hold", __FILE__, __LINE__, #condition))
