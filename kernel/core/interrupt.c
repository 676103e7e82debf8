/* SPDX-License-Identifier: Apache-2.0
 *
 * Interrupts of devices, as objects that signal notifications.
 *
 * Theory of operation
 *
 * 1. An interrupt object lives on the CPU where the interrupt arrives: a line on CPU 0, which alone
 *    touches the controller of lines; a message on the CPU that its maker named.
 * 2. States. HELD: nothing is signalled until the driver acknowledges; so it begins. OPEN: the next one
 *    is signalled, and holds it. MORE: it is held, and has come again meanwhile.
 * 3. A driver that is slow is not flooded, nor is the CPU. A level-triggered line is masked while it is
 *    held: the device goes on wanting, so nothing is lost. An edge would be lost behind a mask, so an
 *    edge-triggered line is masked by the second one only, which is noted (MORE). A message cannot be
 *    masked, and is noted: a device that floods its CPU with them is a matter of trust, as is DMA.
 * 4. Making one takes three steps: on the process's CPU its memory, on its own CPU the vector, on the
 *    process's CPU the capability, which the thread carries meanwhile.
 */
#include "kernel/cpu.h"
#include "kernel/invoke.h"
#include "trace/kernel/trace.h"
#include "weft/kernel_syscalls.h"

enum interrupt_state { HELD, OPEN, MORE };

struct interrupt {
    struct object object;        /* first */
    struct arch_interrupt arch;  /* (I) once it has a capability */
    uint8_t state;               /* (O) enum interrupt_state */
    struct object *notification; /* (I) holds a reference */
    uint64_t bits;               /* (I) */
};

static bool is_line(const struct interrupt *interrupt)
{
    return interrupt->arch.line != INTERRUPT_MESSAGE;
}

static void signal_driver(struct interrupt *interrupt, uint8_t vector)
{
    trace_interrupt_signal(vector, interrupt->object.id, interrupt->notification->id);
    interrupt->notification->class->signal(interrupt->notification, interrupt->bits);
}

void interrupt_fired(struct arch_interrupt *arch)
{
    struct interrupt *interrupt = container_of(arch, struct interrupt, arch);
    bool first = interrupt->state == OPEN;

    if (is_line(interrupt) && (arch->level || !first)) {
        arch_interrupt_mask(arch, true);
    }
    interrupt->state = first ? HELD : MORE;
    if (first) {
        signal_driver(interrupt, arch->vector);
    }
}

status_t do_interrupt_acknowledge(struct thread *caller, struct object *object)
{
    struct interrupt *interrupt = (struct interrupt *)object;
    bool more = interrupt->state == MORE && !interrupt->arch.level;

    trace_interrupt_ack(object->id, caller->id);
    interrupt->state = more ? HELD : OPEN;
    if (is_line(interrupt)) {
        arch_interrupt_mask(&interrupt->arch, false);
    }
    if (more) {
        signal_driver(interrupt, 0);
    }
    return STATUS_OK;
}

status_t do_interrupt_message(struct thread *caller, struct object *object)
{
    struct interrupt *interrupt = (struct interrupt *)object;

    if (is_line(interrupt)) {
        return STATUS_BAD_ARGUMENT;
    }
    arch_set_result(&caller->frame, arch_interrupt_message(&interrupt->arch, object->cpu));
    return STATUS_OK;
}

/* ---- beginning and end ----------------------------------------------------------------------- */

static bool interrupt_orphaned(struct object *object)
{
    arch_interrupt_close(&((struct interrupt *)object)->arch);
    return true;
}

static bool interrupt_reclaim(struct object *object)
{
    object_release(((struct interrupt *)object)->notification);
    return true;
}

static const struct object_class interrupt_class = {
    .type = OBJECT_INTERRUPT,
    .size = sizeof(struct interrupt),
    .kind = TRACE_OBJECT_KIND_INTERRUPT,
    .orphaned = interrupt_orphaned,
    .reclaim = interrupt_reclaim,
};

/* On the interrupt's CPU. */
static status_t interrupt_open(struct thread *caller, struct object *object)
{
    status_t status = arch_interrupt_open(&((struct interrupt *)object)->arch,
                                          (uint32_t)arch_argument(&caller->frame, 1));

    if (status != STATUS_OK) {
        thread_drop_references(caller);
        return status;
    }
    return thread_collect(caller, 0, STATUS_OK);
}

/* On the process's CPU; `second` is the notification until there is an interrupt that keeps it. */
status_t do_interrupt_create(struct thread *caller, struct object *object)
{
    uint64_t line = arch_argument(&caller->frame, 1);
    uint64_t place = arch_argument(&caller->frame, 2);
    uint32_t number = (uint32_t)line & ~(INTERRUPT_LEVEL | INTERRUPT_LOW);
    struct interrupt *interrupt;
    status_t status = range_check(caller->process->caps, arch_argument(&caller->frame, 0),
                                  OBJECT_INTERRUPTS, RIGHT_WRITE, number, 1);

    if (status == STATUS_OK) {
        status = range_check_place(caller, place);
    }
    if (status == STATUS_OK &&
        (line > UINT32_MAX || (number != INTERRUPT_MESSAGE && (uint32_t)place != 0) ||
         (number == INTERRUPT_MESSAGE && line != INTERRUPT_MESSAGE))) {
        status = STATUS_BAD_ARGUMENT;
    }
    if (status == STATUS_OK) {
        status = invoke_take_notification(caller, arch_argument(&caller->frame, 3),
                                          arch_argument(&caller->frame, 4));
    }
    if (status != STATUS_OK) {
        return status;
    }
    interrupt =
        (struct interrupt *)object_create(&interrupt_class, (cpu_t)place, (struct process *)object);
    if (interrupt == NULL) {
        cap_drop_gift(&caller->second);
        return STATUS_NO_MEMORY;
    }
    interrupt->notification = caller->second.object;
    interrupt->bits = caller->second.badge;
    caller->second.object = NULL;
    thread_carry(caller, &interrupt->object, RIGHT_READ | RIGHT_WRITE | RIGHT_COPY);
    return invoke_continue(caller, &interrupt->object, interrupt_open, TRACE_TRAVEL_REMOTE_CALL);
}
