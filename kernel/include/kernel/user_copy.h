/* SPDX-License-Identifier: Apache-2.0
 *
 * Copies from user memory by walking the process's page tables and reading through the direct map.
 * The kernel never follows a user's pointer: it needs no fault handler of its own, works from any
 * CPU whichever space is loaded, and SMAP stays on throughout.
 */
#pragma once

#include "kernel/process.h"

/* STATUS_BAD_ADDRESS where a byte is not mapped for reading; `to` may be partly written then. */
must_use status_t user_copy_in(const struct process *process, vaddr_t from, void *to, size_t bytes);
