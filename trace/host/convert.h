/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside the converter to Perfetto's protobuf format. Three kinds of packets come out:
 *
 *   names        one GenericKernelProcessTree at the start, more for threads met later
 *                (convert_tracks.c)
 *   scheduling   FtraceEventBundles, one buffer per CPU: sched_switch, sched_waking, interrupts
 *                (convert_sched.c)
 *   the rest     TrackEvents on tracks of threads and CPUs, with interned names and with flows
 *                (convert_packet.c writes them; convert_ipc.c, convert_notification.c, convert_smp.c,
 *                convert_user.c and convert_life.c say which)
 *
 * The output need not be in the order of time, the trace processor sorts it. What must hold: a
 * track is described before its first event, and equal times keep the order of the file.
 */
#pragma once

#include "commands.h"
#include "model.h"
#include "proto.h"

#define BUNDLE_SIZE 8192u
#define PACKET_SIZE 1024u
#define FLOWS_MAX 4u
#define NOTES_MAX 4u
#define IRQ_DEPTH_MAX 8u

enum packet_field {
    PACKET_CLOCKS = 6,
    PACKET_TIMESTAMP = 8,
    PACKET_SEQUENCE = 10,
    PACKET_TRACK_EVENT = 11,
    PACKET_INTERNED = 12,
    PACKET_FLAGS = 13,
    PACKET_CLOCK = 58,
    PACKET_DEFAULTS = 59,
    PACKET_DESCRIPTOR = 60,
    PACKET_PROCESS_TREE = 122,
};

/* The reader takes the last thread that a sequence described for that of all its later events, and so
 * brings it back to life as a nameless second one if it has ended. A sequence without events has none. */
#define SEQUENCE_DESCRIPTORS 1u
#define SEQUENCE_FIRST 2u   /* of those with events */
#define SEQUENCE_NAMES 256u /* ids below this have a bit in each sequence */

/* A packet sequence, see convert_packet.c. */
struct sequence {
    uint32_t id;                         /* 0: it has not begun */
    uint32_t categories, notes;          /* that it knows, a bit each */
    uint64_t time;                       /* of its clock */
    uint64_t names[SEQUENCE_NAMES / 64]; /* that it knows, a bit each */
};

/* Tracks: the low bits of an id say what it is, the rest whose. */
#define TRACK_KIND_BITS 4u
#define TRACK_KIND_MASK ((1u << TRACK_KIND_BITS) - 1)
enum track_kind {
    TRACK_THREAD = 1, /* calls and services of a thread */
    TRACK_USER,       /* its own slices and marks */
    TRACK_SYSCALLS,   /* its system calls */
    TRACK_RESTS,      /* when it may not run: suspended, out of budget */
    TRACK_PROCESS,
    TRACK_MAILBOX,   /* of a CPU: what crosses */
    TRACK_DOORBELL,  /* of a CPU: doorbells that it rings and hears */
    TRACK_CROSSING,  /* of a CPU: when it waits for others, or works for them */
    TRACK_DEPTH,     /* of a CPU: how much lies in its mailbox */
    TRACK_RUN_QUEUE, /* of a CPU: how many threads are ready */
    TRACK_LOST,      /* of a CPU: where its events are missing */
    TRACK_COUNTER,   /* of a user string */
    TRACK_DEVICE,    /* of an interrupt object */
    TRACK_CAPTURE,   /* one for all: why the capture was taken */
    TRACK_KINDS,
};

enum track_event_type { TRACK_BEGIN = 1, TRACK_END = 2, TRACK_INSTANT = 3, TRACK_VALUE = 4 };

enum category {
    CATEGORY_IPC = 1,
    CATEGORY_SMP,
    CATEGORY_USER,
    CATEGORY_SYSCALL,
    CATEGORY_FAULT,
    CATEGORY_LIFE,
    CATEGORY_LOST,
    CATEGORY_COUNT
};

enum note_name {
    NOTE_MESSAGE = 1,
    NOTE_ENDPOINT,
    NOTE_PATH,
    NOTE_VALUE,
    NOTE_ADDRESS,
    NOTE_STATUS,
    NOTE_BITS,
    NOTE_OBJECT,
    NOTE_RIGHTS,
    NOTE_CAPABILITIES,
    NOTE_MAPPINGS,
    NOTE_ENDED,
    NOTE_SLICE_ENDED,
    NOTE_POLLED,
    NOTE_SERVER,
    NOTE_VECTOR,
    NOTE_SHARE,
    NOTE_LOST,
    NOTE_COUNT
};

struct note {
    enum note_name name;
    uint64_t value;
    const char *text;  /* instead of the value, if not null */
    const char *label; /* instead of the name, if not null */
};

/* One TrackEvent. Zero fields are left out. */
struct track_event {
    uint64_t time;
    uint64_t track;
    uint64_t name; /* interned */
    enum track_event_type type;
    enum category category;
    uint64_t flows[FLOWS_MAX]; /* leaving this event */
    uint64_t ends[FLOWS_MAX];  /* arriving at it */
    struct note notes[NOTES_MAX];
    int64_t value;        /* of a counter */
    uint64_t extra_track; /* of a counter that changes here, too, or 0 */
    int64_t extra_value;
};

struct bundle {
    uint8_t *bytes; /* encoded events, BUNDLE_SIZE */
    size_t used;
    uint32_t
        running;   /* thread index that the bundle's last switch left running, ID_NONE at first */
    uint64_t time; /* of the CPU's last event */
    uint64_t given_away; /* when the running thread pushed itself to another CPU, 0: it did not */
    uint64_t interrupt;  /* flow of the interrupt whose signal is the CPU's next event, or 0 */
    bool lost;           /* events were lost before the first one in the buffer */
    uint8_t irqs[IRQ_DEPTH_MAX]; /* interrupts that have begun, the last one on top */
    unsigned irq_depth;
};

/* What is open on a thread's tracks. */
struct convert_thread {
    struct sequence sequence;
    uint64_t call;       /* serial of the message whose slice is open, or 0 */
    uint64_t call_begin; /* when that slice begins */
    uint32_t ready_on;   /* 1 + number of the CPU in whose run queue it is, or 0 */
    uint32_t receiver;   /* thread id of who has got what was sent one way, or 0 */
    uint64_t border;     /* where the last slice of its own track began or ended */
    bool declared;       /* in a process tree */
    bool described[TRACK_KINDS];
    bool serve_open, syscall_open, rest_open;
    bool faulted; /* and what it does next is to tell its supervisor */
    bool exiting; /* it has ended, and still has to leave the CPU */
    uint8_t syscall;
    uint16_t user_depth;
    uint64_t notified[FLOWS_MAX]; /* flows of signals that this thread has yet to wake up from */
};

struct convert_cpu {
    struct sequence sequence;
    uint32_t described; /* of its tracks, a bit each */
    uint32_t ready;     /* threads in its run queue */
    int32_t depth;      /* of its mailbox */
    bool lost_open;     /* its events are missing here */
};

struct convert_object {
    uint64_t signals[FLOWS_MAX]; /* flows of signals that no waiter has taken yet */
    bool described, open;        /* of an interrupt: its track; it waits for its driver */
};

struct convert {
    const struct trace_file *file;
    struct model model;
    struct names names;
    struct output *output;
    struct bundle bundles[CAPTURE_CPUS_MAX];
    struct convert_cpu cpus[CAPTURE_CPUS_MAX];
    struct convert_thread *threads; /* parallel to names.threads */
    size_t thread_capacity;
    struct convert_object *objects; /* parallel to names.objects */
    size_t object_capacity;
    struct id_table process_declared, process_described, counter_described;
    struct sequence sequence; /* of what has none of its own */
    uint32_t sequence_count;
    struct id_table interned;   /* kind and key -> id of a name */
    struct id_table name_known; /* sequence and name, for ids from SEQUENCE_NAMES on */
    char *name_text;            /* all names, one behind the other */
    size_t *name_start;         /* where each begins */
    size_t name_text_used, name_text_capacity, name_start_capacity;
    uint32_t name_count;
    bool lost;             /* records are missing somewhere */
    struct id_table ended; /* services of which a process has ended, see service_key() */
    struct id_table
        user_flows;   /* number that a program gave an arrow -> ours, while it is under way */
    uint64_t signals; /* so far, for their flows */
    uint64_t start;   /* time of the first event */
    uint64_t end;     /* time of the last one */
};

/* convert_tracks.c */
/* Arrows: the low bits of an id say of what, so that ids stay small. */
enum flow_kind { FLOW_CALL, FLOW_REPLY, FLOW_SAVE, FLOW_TRAVEL, FLOW_SIGNAL, FLOW_USER };
static inline uint64_t flow_id(enum flow_kind kind, uint64_t serial)
{
    return serial << 3 | kind;
}
static inline uint64_t track_id(enum track_kind kind, uint32_t whose)
{
    return (uint64_t)whose << TRACK_KIND_BITS | kind;
}
void tracks_start(struct convert *convert);
struct convert_thread *convert_thread(struct convert *convert, uint32_t thread);
void thread_declare(struct convert *convert, uint32_t thread);
uint64_t thread_track(struct convert *convert, uint32_t thread, enum track_kind kind);
uint64_t process_track(struct convert *convert, uint32_t process);
uint64_t cpu_track(struct convert *convert, uint32_t cpu, enum track_kind kind);
uint64_t device_track(struct convert *convert, uint32_t interrupt);
uint64_t capture_track(struct convert *convert);
#define COUNTER_MEMORY UINT32_MAX /* instead of a string: free memory */
uint64_t counter_track(struct convert *convert, uint32_t process, uint32_t string,
                       const char *name);

/* convert_packet.c */
/* The id of a name; `kind` and `key` say what it belongs to, so that it is written once. */
uint64_t intern(struct convert *convert, uint32_t kind, uint32_t key, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void track_write(struct convert *convert, const struct track_event *event);
void packet_write(struct convert *convert, const uint8_t *packet, size_t size);

enum intern_kind {
    INTERN_WORD = 1,
    INTERN_CALL,
    INTERN_SERVE,
    INTERN_SIGNAL,
    INTERN_STRING,
    INTERN_SYSCALL,
    INTERN_PUSH,
    INTERN_TAKE,
    INTERN_DOORBELL,
    INTERN_CROSSING,
    INTERN_EXCEPTION,
    INTERN_SEND,
    INTERN_FAULT,
    INTERN_RECEIVE,
    INTERN_GRANT,
    INTERN_REVOKE,
    INTERN_CREATE,
    INTERN_MIGRATE,
    INTERN_EVENT,
    INTERN_PRIORITY,
    INTERN_TRIGGER,
};

/* Names that are the same in every trace: the key of INTERN_WORD. */
enum word {
    WORD_SEND,
    WORD_REPLY,
    WORD_RESUME,
    WORD_SAVE,
    WORD_ABORTED,
    WORD_NOTIFIED,
    WORD_DOORBELL_RECEIVE,
    WORD_PAGE_FAULT,
    WORD_HALT,
    WORD_PROCESS_EXIT,
    WORD_PROCESS_FAULT,
    WORD_PROCESS_KILLED,
    WORD_PROCESS_CREATE,
    WORD_PROCESS_RESTART,
    WORD_TIMER,
    WORD_MASK,
    WORD_SUSPENDED,
    WORD_PENDING,
    WORD_INTERRUPT,
    WORD_ACKNOWLEDGE,
    WORD_OUT_OF_BUDGET,
    WORD_THREAD_EXIT,
    WORD_LOST,
    WORD_OVERWRITTEN,
    WORD_COUNT
};
uint64_t word(enum word which);
uint64_t stage_word(unsigned stage);

/* convert_sched.c */
void sched_switch(struct convert *convert, uint32_t cpu, uint64_t time, uint32_t previous,
                  uint32_t next, uint8_t state);
void sched_waking(struct convert *convert, uint32_t cpu, uint64_t time, uint32_t waker,
                  uint32_t wakee, uint32_t target);
void sched_wakeup(struct convert *convert, const struct trace_event *event,
                  const struct model_change *change);
void sched_interrupt(struct convert *convert, const struct trace_event *event);
void sched_thread_free(struct convert *convert, const struct trace_event *event, uint32_t thread);
void sched_gap(struct convert *convert, const struct trace_event *event);
void sched_start(struct convert *convert, const struct trace_event *event);
void sched_push(struct convert *convert, const struct trace_event *event);
void sched_finish(struct convert *convert);

/* convert_ipc.c */
void ipc_event(struct convert *convert, const struct trace_event *event,
               const struct model_change *change);
void ipc_switched(struct convert *convert, const struct trace_event *event,
                  const struct model_change *change);
void ipc_close(struct convert *convert, uint32_t thread, uint64_t time);

/* convert_notification.c */
void notification_event(struct convert *convert, const struct trace_event *event,
                        const struct model_change *change);
void interrupt_event(struct convert *convert, const struct trace_event *event);
void interrupts_close(struct convert *convert, uint64_t time);
/* Shows what was on its way to a thread that runs now. */
void notification_arrived(struct convert *convert, uint32_t thread, uint64_t time);

/* convert_life.c */
void life_event(struct convert *convert, const struct trace_event *event);
/* Ends the slice that says why the thread may not run. */
void rest_close(struct convert *convert, uint32_t thread, uint64_t time);
void other_event(struct convert *convert, const struct trace_event *event, uint32_t thread);

/* convert_user.c */
void user_event(struct convert *convert, const struct trace_event *event, uint32_t thread);
void syscall_event(struct convert *convert, const struct trace_event *event, uint32_t thread);
void fault_event(struct convert *convert, const struct trace_event *event, uint32_t thread);
void user_close(struct convert *convert, uint32_t thread, uint64_t time);

/* convert_trigger.c */
void trigger_show(struct convert *convert, const struct trace_file *file);

/* convert_smp.c */
void smp_event(struct convert *convert, const struct trace_event *event,
               const struct model_change *change);

/* convert_counters.c */
void run_queue_leave(struct convert *convert, uint32_t thread, uint64_t time);
void run_queue_woken(struct convert *convert, const struct trace_event *event, uint32_t thread);
void run_queue_switched(struct convert *convert, const struct trace_event *event,
                        const struct model_change *change);
/* Counts a push or take, and lets its mark tell how deep the mailbox is now. */
void mailbox_depth(struct convert *convert, const struct trace_event *event,
                   struct track_event *instant);
void lost_event(struct convert *convert, const struct trace_event *event);
void memory_event(struct convert *convert, const struct trace_event *event);
void lost_close(struct convert *convert, uint32_t cpu, uint64_t time);
