/* SPDX-License-Identifier: Apache-2.0
 *
 * Lays down the tables that are generated from the event schema; see weft/trace_schema.h.
 */
#define TRACE_SCHEMA_TABLES
#include "weft/trace_schema.h"
