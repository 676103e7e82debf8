/* SPDX-License-Identifier: Apache-2.0
 *
 * Where things lie in the address space of a process that the loader made. Nearly everything is below
 * 1 GiB, so that a small process needs few page tables. The linker script user.ld knows
 * WEFT_PROGRAM_BASE too.
 *
 *     STARTUP_ADDRESS            the startup page (weft/abi.h), read-only
 *     WEFT_PROGRAM_BASE          the program's segments, up to WEFT_PROGRAM_TOP
 *     WEFT_FREE_BASE             free for the program: tests map things here
 *     WEFT_ARCHIVE_BASE          the boot image, where a process maps it
 *     WEFT_STACKS_BASE           stacks of further threads, each below an unmapped guard page
 *     WEFT_SERVICE_BASE          what init shares with a service, see weft/service.h
 *     WEFT_MAIN_STACK_TOP        end of the first thread's stack; a guard page lies below it
 *     WEFT_HEAP_BASE             what malloc() hands out, in programs that use it
 *     WEFT_STATE_BASE            the state of a service
 *
 * The last two lie above 1 GiB: they cost two page tables, where they are used.
 */
#pragma once

#define WEFT_PAGE_SIZE 4096ull

#define WEFT_PROGRAM_BASE 0x200000ull
#define WEFT_PROGRAM_TOP 0x10000000ull
#define WEFT_FREE_BASE 0x10000000ull
#define WEFT_FREE_TOP 0x20000000ull
#define WEFT_ARCHIVE_BASE 0x20000000ull
#define WEFT_ARCHIVE_TOP 0x30000000ull
#define WEFT_STACKS_BASE 0x30000000ull
#define WEFT_STACKS_TOP 0x3f000000ull
#define WEFT_SERVICE_BASE 0x3f000000ull
#define WEFT_MAIN_STACK_TOP 0x3fff0000ull
#define WEFT_MAIN_STACK_PAGES 8ull /* 32 KiB */
#define WEFT_HEAP_BASE 0x40000000ull
#define WEFT_HEAP_TOP 0x60000000ull
#define WEFT_STATE_BASE 0x60000000ull
#define WEFT_STATE_TOP 0x70000000ull

#define WEFT_PRIORITY_DEFAULT 32

static inline unsigned long long weft_page_down(unsigned long long value)
{
    return value & ~(WEFT_PAGE_SIZE - 1);
}

static inline unsigned long long weft_page_up(unsigned long long value)
{
    return weft_page_down(value + WEFT_PAGE_SIZE - 1);
}
