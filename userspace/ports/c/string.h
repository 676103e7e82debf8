/* SPDX-License-Identifier: Apache-2.0
 *
 * Headers of the C library's names for code of others; what is needed of them, and no more.
 */
#pragma once

#include "weft/string.h"
