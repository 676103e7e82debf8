/* SPDX-License-Identifier: Apache-2.0
 *
 * The contract that every architecture fills: all that the portable kernel knows of a machine.
 * Files under kernel/arch/<arch>/ implement it; nothing outside them includes their private headers
 * except "arch/inline.h" through this one, which defines what must be inline:
 *
 *     percpu(field)            lvalue: this CPU's struct cpu field
 *     arch_this_cpu()          struct cpu * of this CPU
 *     arch_cycles()            cycles_t: the time stamp counter
 *     arch_pause()             one turn of a polling loop; lets an emulator go to another CPU
 *     arch_to_virtual(paddr)   void *: a frame of RAM in the kernel's direct map
 *     arch_to_physical(ptr)    paddr_t: the other way round, for the kernel's own image too
 *
 * and "arch/thread.h", for kernel/sched/switch.h:
 *
 *     arch_thread_enter(thread)  the thread becomes the current one: its registers are saved in its
 *                                frame from now on, and floating point is not another's
 *     arch_space_load(space)     loads a space on this CPU; NULL: the kernel's own, without any user
 *                                mapping
 *
 * The kernel runs with interrupts off, except inside arch_halt() and arch_interrupt_window().
 *
 * Before kernel_main() the architecture has: filled boot_info, built the final kernel page tables
 * (write-xor-execute, upper half complete), allocated a struct cpu and kernel stack per CPU (table
 * `cpu_table`), and set up CPU 0. It calls kernel_main() on CPU 0's kernel stack, interrupts off.
 */
#pragma once

#include "arch/inline.h"
#include "kernel/types.h"

struct pool;
struct thread;
struct arch_frame;

/* ---- processors ------------------------------------------------------------------------------ */

/* Starts all other CPUs at once; each calls kernel_cpu_main() on its own stack. Returns when all of
 * them have set up themselves (the last moment at which a CPU waits for another). */
void arch_start_cpus(void);

/* Enables interrupts, halts until one arrives, handles it, and returns with interrupts off. An
 * interrupt that was pending before the call is taken at once: no wake-up is lost. */
void arch_halt(void);

/* Lets the interrupts that are pending in, and returns with interrupts off. */
void arch_interrupt_window(void);

/* Interrupts another CPU so that it looks into its mailbox (calls doorbell_received() there). */
void arch_doorbell_send(cpu_t cpu);

/* Stops all other CPUs for good, from a panic. Uses nothing that may be broken. */
void arch_stop_others(void);

/* Ends the machine. status: 0 success, 1..99 failure, 111 panic. */
_Noreturn void arch_machine_off(uint32_t status);

/* ---- time ------------------------------------------------------------------------------------ */

extern cycles_t arch_clock_hz; /* ticks of arch_cycles() per second */

/* This CPU gets timer_expired() at or soon after the deadline (0: never); a later call replaces it. */
void arch_timer_arm(cycles_t deadline);

/* ---- console --------------------------------------------------------------------------------- */
void arch_console_write(const char *bytes, size_t length);

/* ---- address spaces -------------------------------------------------------------------------- */

/* Rights first, as in capabilities. Of the kinds of device memory at most one is set. */
enum page_access {
    PAGE_READ = 1,
    PAGE_WRITE = 2,
    PAGE_EXECUTE = 4,
    PAGE_DEVICE = 8,          /* not RAM: the kernel itself cannot reach it */
    PAGE_UNCACHED = 16,       /* every access goes to the device, in order */
    PAGE_WRITE_COMBINED = 32, /* writes are gathered and may be reordered; reads are not cached */
};

struct arch_space {
    paddr_t root;      /* top-level page table */
    uint64_t *leaves;  /* (O) the lowest table that was used last; NULL: none */
    vaddr_t leaves_at; /* (O) the first address that it maps */
};

/* Page tables come from `pool`, which has one page at least, and go back to it. */
void arch_space_init(struct arch_space *space, struct pool *pool);

/* Maps a page where nothing is mapped: the first of `pages` that have their frames in a row, or a block of
 * them at once where that is aligned and no single pages have been there (their table stays). Returns how
 * many pages: 1, POOL_BLOCK, or 0 when the pool is empty. */
must_use unsigned arch_space_map(struct arch_space *space, struct pool *pool, vaddr_t address,
                                 paddr_t frame, uint64_t pages, unsigned access);

/* Removes what was mapped at `address` in one piece; returns how many pages: 1, POOL_BLOCK, or 0 where
 * there was nothing. The caller flushes TLBs. */
unsigned arch_space_unmap(struct arch_space *space, vaddr_t address);

/* The frame behind a user address and its access bits; false where no RAM is mapped. Safe against
 * concurrent map and unmap by the owner (entries are read atomically). */
bool arch_space_lookup(const struct arch_space *space, vaddr_t address, paddr_t *frame,
                       unsigned *access);

/* Frees page tables (not the mapped frames), at most `budget` of them per call; true when all are
 * gone. No CPU may have the space loaded. */
bool arch_space_destroy_step(struct arch_space *space, struct pool *pool, unsigned budget);

/* Forgets all translations of user addresses on this CPU. */
void arch_tlb_flush(void);

/* ---- devices --------------------------------------------------------------------------------- */

/* Does the kernel itself use something in [start, end), other than the RAM of boot_info: its image, what
 * the firmware left it, its interrupt controllers? */
bool arch_physical_reserved(paddr_t start, paddr_t end);

/* `width` is 1, 2 or 4 bytes. */
uint32_t arch_port_read(uint16_t port, unsigned width);
void arch_port_write(uint16_t port, unsigned width, uint32_t value);

/* Where one device interrupt arrives. */
struct arch_interrupt {
    uint32_t line;  /* (I) of the controller; INTERRUPT_MESSAGE: none, it comes as a message */
    uint8_t vector; /* (I) 0: not open */
    bool level;     /* (I) level-triggered: fires for as long as the device wants something */
};

/* Finds this CPU's vector for a line (with its flags, see the ABI) or for messages; a line is masked
 * then, and its CPU is 0. STATUS_BAD_ARGUMENT: no such line; STATUS_BUSY: it is another's, or no
 * vector is left. */
must_use status_t arch_interrupt_open(struct arch_interrupt *interrupt, uint32_t line);
void arch_interrupt_close(struct arch_interrupt *interrupt);

/* Lines only; messages cannot be held back. The CPU where it was opened, as the one above. */
void arch_interrupt_mask(const struct arch_interrupt *interrupt, bool masked);

/* data << 32 | address of the message that fires it on that CPU. */
uint64_t arch_interrupt_message(const struct arch_interrupt *interrupt, cpu_t cpu);

/* ---- threads --------------------------------------------------------------------------------- */

/* Makes a frame that enters user mode at `entry`. All other registers are zero. */
void arch_frame_init(struct arch_frame *frame, vaddr_t entry, vaddr_t stack, uint64_t argument);

/* All registers of a frame that is not running, and back; false where they cannot be a program's. */
void arch_registers_read(const struct arch_frame *frame, struct weft_registers *out);
must_use bool arch_registers_write(struct arch_frame *frame,
                                   const struct weft_registers *registers);

/* Continues the current thread (percpu(current)) in user mode, abandoning this kernel stack. */
_Noreturn void arch_return_to_user(void);

/* Drops the kernel stack's contents and calls `function` on its top, forever. */
_Noreturn void arch_restart_stack(void (*function)(void));

/* Where a thread's floating-point registers are kept. */
struct arch_fpu {
    uint8_t bytes[512] __attribute__((aligned(16)));
};

/* Floating-point registers stay in the CPU until another thread there needs them. init: gives a new
 * thread clean ones. evict: saves them to the thread, which is about to leave this CPU for good.
 * forget: the thread is dead. */
void arch_fpu_init(struct thread *thread);
void arch_fpu_evict(struct thread *thread);
void arch_fpu_forget(struct thread *thread);

/* ---- debugging ------------------------------------------------------------------------------- */

/* Prints the kernel's call chain starting at the caller, one address a line. */
void arch_backtrace(void);

/* Prints a user frame's registers. */
void arch_frame_print(const struct arch_frame *frame);

/* ---- what the architecture calls ------------------------------------------------------------- */
void interrupt_fired(struct arch_interrupt *interrupt); /* its CPU; before it may come again */
_Noreturn void kernel_main(void);                       /* CPU 0, once */
_Noreturn void kernel_cpu_main(void);                   /* every other CPU, once */
