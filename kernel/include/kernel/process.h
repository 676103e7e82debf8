/* SPDX-License-Identifier: Apache-2.0
 *
 * A process: an address space, a capability table, a pool of memory, and threads.
 *
 * It is owned by the CPU that its creator names; creating objects for it, mapping into it and
 * ending it happens there (other CPUs send the calling thread). Its threads may run anywhere.
 *
 * Ending, all on the owner's CPU, each step restartable: ALIVE -> DYING (kill orders are out to all
 * threads) -> when the last thread is back: capabilities are closed in pieces, and the processes that it
 * has created are told to end -> the process visits every CPU, so that none has its address space loaded
 * any more -> page tables are freed in pieces -> DEAD, the creator's notification is signalled. Its
 * memory goes back to its creator's pool when no object that it paid for and no capability to it is
 * left.
 */
#pragma once

#include "kernel/arch.h"
#include "kernel/cap.h"
#include "kernel/list.h"
#include "kernel/pool.h"
#include "kernel/slab.h"
#include "kernel/tree.h"

struct thread;

enum process_state { PROCESS_ALIVE, PROCESS_DYING, PROCESS_DEAD };

/* As process_status reports it, and one more than the trace's exit_cause. */
enum process_cause { CAUSE_ALIVE, CAUSE_EXITED, CAUSE_FAULT, CAUSE_KILLED };

struct process {
    struct object object;     /* first; object.payer is the creator, NULL for the first process */
    struct arch_space space;  /* (O) */
    struct cap_table *caps;   /* (I) the table's page */
    struct pool pool;         /* (O) */
    cycles_t time;            /* (O) that its dead threads had paid for */
    uint64_t quota;           /* (O) pages that its creator gave it; 0: the first process */
    struct slab slab;         /* (O) small objects */
    struct list threads;      /* (O) through thread.siblings */
    uint32_t thread_count;    /* (O) that have not come home dead */
    uint32_t pending;         /* (O) orders and shootdowns under way */
    uint32_t objects;         /* (O) alive objects that this process pays for */
    uint8_t state;            /* (O) enum process_state; read anywhere as a hint */
    uint8_t cause;            /* (O) enum process_cause */
    uint32_t status;          /* (O) exit status or exception vector */
    uint16_t slots_closed;    /* (O) capabilities closed by the ending */
    bool tearing_down;        /* (O) the last thread is gone */
    bool unreferenced;        /* (O) no capability to it is left */
    struct visitor teardown;  /* drives the ending, one piece at a time */
    struct tree mappings;     /* (O) what is mapped where, by address */
    struct list leaving;      /* (O) mappings that wait for the next shootdown */
    struct list flushing;     /* (O) those that the present one serves */
    struct visitor shootdown; /* (O) the present one, if `flushing` is not empty */
    vaddr_t revoke_at;        /* (O) where a revocation goes on among the mappings */
    struct list children;     /* (O) the processes that it pays for, through their `kin` */
    struct list_link kin;     /* (O: the payer's CPU) */
    bool told;                /* (O: the payer's CPU) that its payer ends */
    struct mail news;         /* that tell it so; hold a reference */
    struct object *watcher;   /* (O) signalled at the end; holds a reference; may be NULL */
    uint64_t watcher_bits;    /* (O) */
    char name[NAME_MAX + 1];  /* (I) */

    struct cap_lineage *lineages; /* (I) of the slots of `caps`; a page */
    struct list_link neighbours;  /* (O) the other processes of this CPU */
    uint32_t swept;               /* (O) number of the last revocation that has looked at it */
    uint32_t slots_swept;         /* (O) how far the one that is at it has come */
};

/* The process that stands for the kernel in traces: owns the idle threads, has no address space. */
extern struct process kernel_process;

/* Builds a process for `cpu` inside `pool`, which has PROCESS_PAGES_MIN pages or more; they become its own.
 * creator: NULL for the first process. The new process has one reference, for who stores it. The
 * creator's CPU; the process is that of `cpu` from then on. */
struct process *process_build(struct process *creator, struct pool *pool, const char *name,
                              cpu_t cpu);

#define PROCESS_PAGES_MIN 8u /* below this nothing could run in it */

/* The process takes its place among those of its CPU, before anybody can name it. Its CPU. */
void process_join(struct process *process);

/* Starts the end of a process. Its CPU. Later calls change nothing. */
void process_end(struct process *process, enum process_cause cause, uint32_t status);

/* A thread of this CPU ends its whole process, and dies. Its owner, at home. */
void process_end_by(struct thread *thread, enum process_cause cause, uint32_t status);

/* The calling thread ends its whole process, from whichever CPU. Does not return to it. */
_Noreturn void process_end_current(enum process_cause cause, uint32_t status);

/* A thread has come back dead. The process's CPU. */
void process_thread_dead(struct process *process, struct thread *thread);

/* Something that kept the ending waiting is over (`pending` was counted down). The process's CPU. */
void process_check_end(struct process *process);

/* Says in the trace what memory the process has left. The process's CPU. */
void process_tell_memory(const struct process *process);

/* One object that the process paid for is gone and its memory is back. The process's CPU. */
void process_object_gone(struct process *process);

/* Creates the first process from the boot image. CPU 0, once. */
void process_start_init(void);

/* Joins the two words in which a name of up to 16 characters travels. */
static inline void name_from_words(char name[NAME_MAX + 1], uint64_t name0, uint64_t name1)
{
    __builtin_memcpy(name, &name0, 8);
    __builtin_memcpy(name + 8, &name1, 8);
    name[NAME_MAX] = '\0';
}

/* ---- its memory ------------------------------------------------------------------------------
 * Reading and writing user memory without trusting it: every page is looked up in the process's page
 * tables, so a bad address is an error and never a fault. Any CPU. STATUS_BAD_ADDRESS: some page is
 * not mapped or not with the needed access; what came before it has been copied. Bounded by the
 * caller: nobody may ask for more than a page or so.
 */

/* Could `bytes` be copied? `access`: enum page_access. */
must_use status_t user_check(const struct process *process, vaddr_t address, size_t bytes,
                             unsigned access);

must_use status_t user_copy_in(const struct process *process, vaddr_t from, void *to, size_t bytes);

must_use status_t user_copy_out(const struct process *process, const void *from, vaddr_t to,
                                size_t bytes);

/* From one process's memory to another's. */
must_use status_t user_copy_between(const struct process *source, vaddr_t from,
                                    const struct process *target, vaddr_t to, size_t bytes);
