/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading and writing user memory without trusting it: every page is looked up in the process's page
 * tables, so a bad address is an error and never a fault. Any CPU. STATUS_BAD_ADDRESS: some page is
 * not mapped or not with the needed access; what came before it has been copied. Bounded by the
 * caller: nobody may ask for more than a page or so.
 */
#pragma once

#include "kernel/process.h"

/* Could `bytes` be copied? `access`: enum page_access. */
must_use status_t user_check(const struct process *process, vaddr_t address, size_t bytes,
                             unsigned access);

must_use status_t user_copy_in(const struct process *process, vaddr_t from, void *to, size_t bytes);

must_use status_t user_copy_out(const struct process *process, const void *from, vaddr_t to,
                                size_t bytes);

/* From one process's memory to another's. */
must_use status_t user_copy_between(const struct process *source, vaddr_t from,
                                    const struct process *target, vaddr_t to, size_t bytes);
