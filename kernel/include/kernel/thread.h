/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads, and who owns them.
 *
 * A thread has a home CPU, where it runs, and an owner CPU, which may change its state. They differ
 * while it is away: a blocked thread travels to the object it waits for, and back. At every hand-over
 * the old owner sets state = travelling and `owner` = the new CPU, then pushes the thread; the new
 * owner takes it and sets the new state. From the push on, the old owner must not touch it.
 *
 * Who wants something of a thread (that it dies, rests, or lives elsewhere) sends it an order, which
 * chases it: kernel/order.h. A thread dies at home only (its FPU state may be in that CPU), and from
 * there it goes to its process's CPU, where its memory is.
 *
 * `caller`, the client whose call this server is working on, belongs to the server's home CPU, and
 * so does that client while it is held there; when the server itself arrives with a fresh caller
 * from an endpoint elsewhere, that client is `travelling` with it.
 *
 * A thread is an object as well, so that capabilities can name it: owned, like its memory, by its
 * process's CPU. It lives and runs whether or not it is named; its memory is given back when it is
 * dead and no capability to it is left.
 */
#pragma once

#include "arch/frame.h"
#include "kernel/process.h"
#include "kernel/sched_context.h"
#include "kernel/timer.h"
#include "smp/mailbox.h"
#include "weft/trace_events.h"

/* What a thread that was sent to an object's CPU is to do there (kernel/invoke.h). */
typedef status_t (*invoke_fn)(struct thread *caller, struct object *object);

/* In thread.fast_home: the IPC fast path must not switch to this thread while it is blocked, as more
 * than a message ends its wait. */
#define FAST_NEVER (~0u)

/* How its message travels, beside the words. */
enum ipc_flags {
    IPC_NO_WAIT = WEFT_IPC_NO_WAIT, /* it does not wait for somebody who has not come yet */
    IPC_ONE_WAY = 2,                /* it waits until somebody has the message, not for an answer */
};

struct thread {
    struct arch_frame frame; /* first: entry code saves user registers here */
    /* -- what the IPC path touches, close together -- */
    struct process *process; /* (I) */
    cpu_t home;              /* (O) where it runs */
    cpu_t fast_home;         /* (O) the same, or FAST_NEVER: see below */
    cpu_t owner;             /* (A) who may change it; release before the push, see above */
    uint8_t state;           /* (O) enum trace_thread_state */
    uint8_t killed;          /* (A) an order: set once by whoever ends it */
    uint8_t stop;            /* (A) an order: it shall rest; written by the process's CPU */
    cpu_t affinity;          /* (A) an order: where it shall live; else the same as `home` */
    uint32_t faults;         /* (A) odd: it waits for what comes of a fault, kernel/fault.h */
    uint8_t idle;            /* (I) the idle thread of its CPU */
    int8_t ceiling;          /* (I) the highest priority that it may have or give */
    uint32_t id;             /* (I) */
    uint32_t cause;          /* (O) id of the thread that woke it, for the trace */
    struct list_link link;   /* (O) the endpoint queue it is in */
    struct thread *caller;   /* (O: home) client that waits for this thread's answer */
    struct thread *server;   /* (O) thread whose `caller` it is while its call is served */
    struct object *waits_on; /* (O) endpoint, notification or reply it is blocked on */
    vaddr_t ipc;             /* (O) its struct weft_ipc for the message under way; 0: none */
    /* -- time (kernel/sched/account.h): it runs with `loan` iff it holds a caller -- */
    struct sched_entity run;
    struct sched_context own;
    struct sched_context loan;
    /* -- journeys -- */
    struct mail mail;
    struct mail order;            /* (O: the process's CPU, unless order_out) see kernel/order.h */
    invoke_fn invoke;             /* (O) what it does on arrival */
    struct object *invoke_object; /* (O) */
    bool invoke_held;             /* (O) it goes on in pieces and has a reference to that object */
    uint64_t badge;               /* (O) of the capability it calls with */
    struct cap_gift second;       /* (O) another capability that the call needs or hands on */
    /* Capabilities that it carries to its process's table, see thread_collect(). */
    struct cap_gift incoming[CAP_GIFTS_MAX]; /* (O) */
    uint8_t incoming_count;                  /* (O) */
    vaddr_t handles_to;                      /* (O) where user space wants the handles */
    status_t collect_status;                 /* (O) with what it goes on afterwards */
    uint8_t ipc_flags;                       /* (O) enum ipc_flags */
    uint32_t
        notification; /* (O) handle of what shall end its wait for a message, too; 0: nothing */
    struct object *waits_also; /* (O) the notification that does so; NULL: none */
    /* -- the rest -- */
    struct object object;          /* what capabilities name; owned by the process's CPU */
    cycles_t deadline;             /* (O) until when its message may wait */
    struct timeout timeout;        /* (O) that ends its wait */
    struct list_link siblings;     /* (O: the process's CPU) */
    uint64_t end_reason;           /* (O) cause << 32 | status with which it ends its process */
    uint32_t exit_status;          /* (O) */
    bool dead;                     /* (O: the process's CPU) has come home to be freed */
    bool doomed;                   /* (O: the process's CPU) its process's end has got to it */
    bool order_out;                /* (O: the process's CPU) its order is under way */
    bool order_again;              /* (O: the process's CPU) and must be sent once more */
    bool resting;                  /* (O: the process's CPU) it is here, suspended */
    struct list orderers;          /* (O: the process's CPU) who waits for what they ordered */
    struct arch_frame fault_frame; /* (A) its registers, for as long as `faults` is odd */
    uint8_t fault_vector;          /* (O) and what fault it was */
    char name[NAME_MAX + 1];       /* (O) for panics; traces have it from an event */
    struct arch_fpu fpu;           /* (O) registers, when not in the CPU */
};

/* The one who runs here. */
#define current() percpu(current)

/* Creates a thread, which then waits for a frame and for thread_start(). It has one reference, which
 * keeps it alive until it is dead. NULL: no memory. The process's CPU. */
struct thread *thread_create(struct process *process, cpu_t cpu, int8_t priority);

/* Starts it on its CPU; from here on it may be anywhere. The process's CPU. */
void thread_start(struct thread *thread);

/* It is dead: its memory goes back when nobody names it any more. The process's CPU. */
void thread_free(struct thread *thread);

/* Makes a thread that this CPU owns runnable: here, or by sending it home. `cause`: the id of the
 * thread that did it, or 0. May set need_resched. */
void thread_wake(struct thread *thread, uint32_t cause);

/* Sets what its blocked system call will return. */
static inline void thread_set_status(struct thread *thread, status_t status)
{
    arch_set_status(&thread->frame, status);
}

/* Gives a thread to another CPU. From the return on it is not ours. */
void thread_send(struct thread *thread, cpu_t cpu, enum trace_travel travel,
                 void (*arrive)(struct mail *));

/* First thing when a thread has arrived: it is ours now. False: it was killed on the way; it has been
 * dealt with and must not be touched. */
must_use bool thread_arrived(struct thread *thread);

/* Inserts the capabilities that a thread carries in `incoming` into its process's table, passing by
 * the CPU that owns it, and goes on with `status`. Their handles are stored at `handles_to` in its
 * process's memory (uint32_t each; 0: there was no free slot); where that is 0, the first is the
 * result, and without a slot the status is STATUS_NO_SLOT. The thread's owner. Returns what an
 * invoke_fn returns: STATUS_BLOCKED if the thread has left. */
must_use status_t thread_collect(struct thread *thread, vaddr_t handles_to, status_t status);

/* A thread that makes an object carries the first capability to it from here on. Its owner. */
static inline void thread_carry(struct thread *thread, struct object *object, unsigned rights)
{
    thread->incoming[0] = (struct cap_gift){.object = object, .rights = rights};
    thread->incoming_count = 1;
}

/* A mail handler: a thread has come home and goes on. */
void thread_home_arrived(struct mail *mail);

/* The current thread stops running here; afterwards nothing refers to it. schedule() must follow
 * before the kernel is left, and does at the end of an interrupt (need_resched is set). */
void thread_leave_cpu(uint8_t left_state);

/* Gives back what it needed or carries for a call that will not go on. Any owner. */
void thread_drop_references(struct thread *thread);

/* Ends a thread of this home CPU. If it is the current one, follow with schedule(). */
void thread_die(struct thread *thread, uint32_t status);

/* ---- callers -----------------------------------------------------------------------------------
 * A client that a server holds: its call was delivered, and it waits for the answer.
 *
 * server->caller and client->server point at each other. The client is owned by the server's home
 * CPU for as long as it is held, and goes where the server goes.
 */

/* A thread that waited for a message or an answer goes on at home with a status; where capabilities came,
 * by way of its process's CPU. `cause`: the id of who gave it, for the trace. The thread's owner; it is
 * in no queue, and nobody holds it any more. */
void caller_go_on(struct thread *thread, uint32_t cause, status_t status);

/* Takes its client from the server, which has one: the client gets back what is left of its time, and goes on
 * waiting. The server's home CPU. */
struct thread *caller_take(struct thread *server);

/* Lets the server's client go, with a status. The server's home CPU. */
void caller_release(struct thread *server, status_t status);

/* The server has come home, perhaps with a fresh client: that one is this CPU's now. */
void caller_arrived(struct thread *server);

/* The server moves to another CPU, and its client with it: the server's mail, which must follow, carries
 * both. */
void caller_follows(struct thread *server, cpu_t cpu);

/* The server has died: its client gets STATUS_DEAD. */
void caller_bereaved(struct thread *server);
