/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#define PRId32 "d"
#define PRIu32 "u"
#define PRIx32 "x"
