# SPDX-License-Identifier: Apache-2.0
"""The structures of the ABI, as the text that stands in weft/abi.h.

Part of kernel/abi/generate.py. What is only numbers stands in abi.toml.
"""

STARTUP = """\
#define WEFT_STARTUP_MAGIC 0x54464557 /* "WEFT" */
#define WEFT_STARTUP_VERSION 1
#define WEFT_ARGUMENTS_MAX 1024
#define WEFT_CAPABILITY_NAME_MAX 24
#define WEFT_CAPABILITIES_MAX 40

/* What a process finds at startup_address, read-only: written by its creator before it starts. */
struct weft_startup {
    uint32_t magic;
    uint32_t version;
    uint64_t clock_hz;    /* ticks of the time stamp counter per second */
    uint32_t cpu_count;   /* of the machine */
    uint32_t cpu;         /* where the first thread starts */
    uint64_t kernel_entered; /* time stamp of CPU 0's first instruction of C */
    uint64_t user_entered;   /* and of the first program's, `init`; 0 in its own page */
    uint64_t initrd_size; /* bytes of the boot image, where a capability to it is given; else 0 */
    uint64_t trace_size;  /* bytes of the trace's rings, likewise; docs/trace-format.md */
    uint64_t trace_schema; /* hash of the event schema that the kernel records by */
    char name[16];        /* of the process, NUL-terminated if shorter */
    char arguments[WEFT_ARGUMENTS_MAX]; /* one line, NUL-terminated */
    uint32_t capability_count;
    uint32_t cpus; /* handle of its capability to CPUs, or 0 */
    struct weft_startup_capability {
        char name[WEFT_CAPABILITY_NAME_MAX]; /* NUL-terminated */
        uint32_t handle;
        uint32_t rights;
    } capabilities[WEFT_CAPABILITIES_MAX];
};

_Static_assert(sizeof(struct weft_startup) <= 4096, "the startup data fits one page");

#define WEFT_FIRST_MAGIC 0x54494e4954464557 /* "WEFTINIT" */

/* How the first program begins, which the kernel loads without knowing a file format: the file is its
 * memory from parts[0] on, up to file_end; what is behind that is zero. Its parts lie one behind the
 * other on pages of their own: read-only, code, data, and where that ends. */
struct weft_first_program {
    uint64_t magic;
    uint64_t entry;
    uint64_t parts[4];
    uint64_t file_end;
};
"""

THREADS = """\
/* A thread's registers, for thread_registers_read and _write: x86_64, in the kernel's order. */
struct weft_registers {
    uint64_t r15, r14, r13, r12, rbp, rbx, r11, rcx;
    uint64_t rax, rdi, rsi, rdx, r10, r8, r9;
    uint64_t rip, rflags, rsp;
};

/* What weft_thread_status.state may say. */
enum weft_thread_state {
    WEFT_THREAD_ACTIVE = 0,    /* it runs, could run, or waits for something */
    WEFT_THREAD_SUSPENDED = 1,
    WEFT_THREAD_DEAD = 2,
};

/* What thread_status tells. */
struct weft_thread_status {
    uint32_t id;       /* by which traces know it */
    uint32_t state;    /* enum weft_thread_state */
    uint32_t cpu;      /* where it runs when it runs */
    uint32_t priority;
    uint64_t time;     /* clock ticks that it has paid for, also through servers */
};

/* What statistics_cpu tells: how often what happened on a CPU since the start. */
struct weft_cpu_statistics {
    uint64_t switches;         /* another thread began to run */
    uint64_t messages;         /* calls and one-way messages were begun */
    uint64_t doorbells_sent;   /* another CPU had to be interrupted for what was given to it */
    uint64_t doorbells_elided; /* it had not: it was looking, or had been interrupted already */
    uint64_t shootdowns;       /* translations were forgotten, as another CPU had unmapped memory */
    uint64_t interrupts;       /* from outside and from other CPUs */
};

/* What process_statistics tells. */
struct weft_process_statistics {
    uint64_t time;       /* clock ticks that its threads have paid for, those that ended too */
    uint64_t threads;    /* that have not ended */
    uint64_t pages;      /* that it was given at its creation: its quota */
    uint64_t pages_free; /* of these; the others are in use, or lent to processes that it created */
};
"""

IPC = """\
/* What a message carries besides its words, in memory of the calling thread. `send` parts go with the
 * message or the answer that the call sends, `receive` parts are for the one that it gets. The kernel
 * fills only receive_handles, when handles came; how much came is in the status (see below). */
struct weft_ipc {
    uint64_t deadline;      /* clock value at which the wait ends with timed_out; 0: never */
    uint32_t flags;         /* WEFT_IPC_NO_WAIT or 0 */
    uint32_t notification;  /* receiving: bits of this one end the wait, too; 0: none */
    uint64_t send_address;
    uint64_t receive_address;
    uint32_t send_bytes;    /* up to ipc_bytes_max */
    uint32_t receive_bytes; /* room there: longer messages are cut */
    uint32_t send_count;    /* up to ipc_handles_max */
    uint32_t receive_count; /* how many are welcome: the others are not given */
    uint32_t send_handles[IPC_HANDLES_MAX];
    uint32_t send_rights[IPC_HANDLES_MAX]; /* what the receiver's copies shall allow */
    uint32_t receive_handles[IPC_HANDLES_MAX]; /* 0: the receiver's table had no place for it */
};

/* Of a status that is not negative: what came with the message. */
#define WEFT_IPC_BYTES(status) ((uint32_t)(status) & 0xffff)
#define WEFT_IPC_HANDLES_SHIFT 16
#define WEFT_IPC_HANDLES(status) ((uint32_t)(status) >> WEFT_IPC_HANDLES_SHIFT & 0xff)
#define WEFT_IPC_NOTIFIED (1 << 24) /* no message, but bits of the notification */
"""
