/* SPDX-License-Identifier: Apache-2.0
 *
 * Layout of the trace in guest memory: the contract between the kernel that writes it and the
 * host that reads it. Plain C11, no includes but <stdint.h>, all fields little-endian.
 *
 * How a reader finds its way: the kernel's ELF symbol `trace_area` gives the address of a struct
 * trace_area; each of its entries gives the physical address of a struct trace_ring; that one says
 * where the records are. Everything lies in the first 2 GiB of physical memory, so that a physical
 * address is an offset into the file that backs the guest's memory.
 *
 * A ring is an array of 4 KiB pages that are filled in turn. The first record of each page is a
 * PAGE record with the page's sequence number, counted from 0, and the thread that ran when it was
 * opened; the page with number s is the s-th modulo the number of pages. So a reader knows exactly
 * what was overwritten: all 255 records of every page below the lowest number that is still there.
 */
#pragma once

#include <stdint.h>

#define TRACE_AREA_MAGIC 0x3145435254465457ull /* "WTFTRCE1" read as bytes */
#define TRACE_AREA_VERSION 3u
#define TRACE_PAGE_SIZE 4096u
#define TRACE_RECORD_SIZE 16u
#define TRACE_RECORDS_PER_PAGE (TRACE_PAGE_SIZE / TRACE_RECORD_SIZE - 1) /* without PAGE */
#define TRACE_RINGS_MAX 512u
#define TRACE_LIFE_BYTES (64 * 1024ull) /* of a ring of category life */

/* All rings lie behind each other, CPU by CPU, its ring of events (of so many bytes) and that of life, each
 * with a page more for TRACE_AREA_ONCE. */
#define TRACE_CPU_BYTES(events) ((events) + TRACE_LIFE_BYTES + 2 * TRACE_PAGE_SIZE)

enum trace_ring_kind {
    TRACE_RING_EVENTS = 0, /* everything that happens often */
    TRACE_RING_LIFE = 1,   /* category life: kept apart so that names outlive a flood of events */
    TRACE_RING_KINDS
};

#define TRACE_NAME_OWNER 15u /* the piece of a user string's name that carries its process */

/* One event; in memory, the low 48 bits of the clock, then id and so on. Fields of their own, so that
 * the kernel need not put any together. */
struct trace_record {
    uint32_t time_low;
    uint16_t time_high;
    uint8_t id;
    uint8_t small;
    uint32_t a, b; /* or one 64-bit word, `wide`: a is its lower half */
};

/* One writer: the CPU in whose memory it lies, with interrupts off. */
struct trace_ring {
    uint64_t next;       /* kernel address of the next record; stored after the record itself */
    uint64_t base;       /* kernel address of the first page */
    uint64_t size;       /* bytes, a multiple of TRACE_PAGE_SIZE */
    uint64_t base_paddr; /* physical address of the first page */
    uint64_t sequence;   /* number of the page that `next` lies in */
};

/* A CPU's trace state, part of its struct cpu; the entry of its ring of events leads to it. */
struct trace_cpu {
    struct trace_ring rings[TRACE_RING_KINDS]; /* (O) read by the host at any time */
    uint8_t mask; /* (O) categories that are on; the host looks at it */
};

enum trace_area_flags {
    /* A full ring is not begun anew: what comes then goes to one page behind it, over and over. That
     * page is numbered on, so the numbers tell how much was lost in between. */
    TRACE_AREA_ONCE = 1,
};

struct trace_ring_entry {
    uint64_t state_paddr; /* physical address of a struct trace_ring */
    uint32_t cpu;
    uint32_t kind; /* enum trace_ring_kind */
};

struct trace_area {
    uint64_t magic; /* stored last, when everything else is there */
    uint32_t version;
    uint32_t cpu_count;
    uint64_t schema_hash; /* TRACE_SCHEMA_HASH of the kernel's build */
    uint64_t clock_hz;    /* ticks of the time stamps per second */
    uint32_t record_size;
    uint32_t page_size;
    uint32_t ring_count;
    uint8_t mask;       /* categories that shall be on; the host may write it (A) */
    uint8_t host_looks; /* written by the host (A): an NMI is its call to look at `mask` */
    uint16_t flags;     /* enum trace_area_flags */
    char build[64];     /* architecture, profile: for people */
    struct trace_ring_entry rings[TRACE_RINGS_MAX];
};
