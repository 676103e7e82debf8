/* SPDX-License-Identifier: Apache-2.0
 *
 * CHECK(condition) for unit tests on the host: a condition that does not hold is printed with its line and
 * counted, and the test goes on.. One test program includes this
 * once; it knows nothing of the memory functions that user_library.h renames.
 */
#pragma once

#include <stdio.h>

static unsigned failures;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            failures++;                                                                            \
            printf("%d: %s\n", __LINE__, #condition);                                              \
        }                                                                                          \
    } while (0)
