/* SPDX-License-Identifier: Apache-2.0
 *
 * The first process, the only one that the kernel starts. It reads the file `manifest` in the boot
 * image, makes the objects, processes and services that are declared there, watches them, and
 * switches the machine off when the processes that it waits for have ended. Each process gets exactly
 * the capabilities that its lines give it. docs/services.md tells how services live.
 *
 * The manifest: one item per line; `#` begins a comment line; leading blanks do not count.
 *
 *     endpoint NAME [cpu=N]
 *     notification NAME [cpu=N]
 *     memory NAME pages=N                 declare an object; cpu is where it lives, default 0
 *
 *     process NAME program=FILE [cpu=N] [home=N] [cpus=A-B] [priority=N] [pages=N]
 *             [needs=SERVICE,SERVICE] [wait] [manual]
 *                                         a process; FILE is an entry of the boot image; cpu is where
 *                                         it starts, home the CPU that looks after its table,
 *                                         memory and threads (default 0), cpus where it may place threads and objects
 *                                         (capability `cpus`, default all of them); pages is
 *                                         its memory quota beyond its image (default 256); needs: it
 *                                         starts when these services are ready; init waits for those
 *                                         marked `wait`; those marked `manual` are started when somebody
 *                                         asks for it (weft_supervisor_run). The following lines, up to the next process
 *                                         or service, belong to it:
 *     arguments TEXT                      what it finds as arguments; {arguments} in it stands for
 *                                         the words of the kernel's command line that the kernel
 *                                         itself does not know
 *     give OBJECT [rights=LETTERS] [badge=N] [range=A-B] [as=NAME]
 *                                         a capability, found under OBJECT's name or NAME. Letters:
 *                                         r read, w write, x execute, c copy, m manage. OBJECT is a
 *                                         declared one, or
 *                                             console   default wc
 *                                             machine   default m
 *                                             initrd    default rc: the boot image
 *                                             trace     default rc: the rings in which the kernel
 *                                                       records what happens, of all CPUs
 *                                             ports, interrupts, physical
 *                                                       default rw: parts of the machine, with range
 *                                                       only those from A to B (physical: pages)
 *                                         declared objects default to rw. Every process holds the
 *                                         capability `self` to itself in any case.
 *
 *     use NAME [badge=N] [as=NAME] [only=list]
 *                                         the right to call what a service provides under this name, here
 *                                         or further below. The badge, by which the service knows its
 *                                         callers, is one of the process's own if none is given. The
 *                                         name `supervisor` is init's own: see weft/supervisor.h; only=list
 *                                         is for that one, and takes its commands away
 *
 *     complain                            the right to complain of the services that it uses: who gives
 *                                         wrong answers, or none, is started anew (weft/supervisor.h)
 *
 *     service NAME program=FILE ...       a process that is started again when it ends. Further words:
 *         [restart=always|failure|never]  always; only if it did not exit with status 0; never
 *         [backoff=MS..MS]                the wait before a new start: the first after a failure,
 *                                         doubled with each one that follows soon, up to the second
 *                                         (1..100)
 *         [give_up=N/SECONDS]             after N failures (at most 32) in so many seconds
 *         [heartbeat=MS]                  a turn of its loop that takes longer is a failure
 *         [budget=US/US]                  runs for so many microseconds at most in each period
 *         [opened]                        who may use the supervisor may have its inside: its process,
 *                                         its thread, its code and its data (for faults on purpose)
 *     provide NAME                        an endpoint on the service's CPU, which it receives from. It
 *                                         outlives the service: calls wait for the next instance
 *     state BYTES                         memory that outlives the service
 *     vault PAGES                         a process without threads that outlives it, found as
 *                                         `vault` (right m): memory that is mapped there is kept.
 *                                         Its page tables take so many pages at most
 *
 *     include FILE                        another file for the boot image; init ignores the line
 *
 * CPU numbers are taken modulo the machine's number of CPUs, so that one manifest serves them all.
 *
 * The end: when all processes marked `wait` have ended, status 0, or the first non-zero status of
 * one of them; FAULT_STATUS if one ended by a fault or was killed, or could
 * not be started as a service that it needs is given up; LOAD_STATUS if the boot image
 * cannot be used. One line on the console says why.
 */
#include "system.h"

#include "weft/layout.h"
#include "weft/print.h"
#include "weft/startup.h"
#include "weft/string.h"
#include "weft/syscalls.h"

#define LOAD_STATUS 97

struct system init;

static _Noreturn void machine_off(uint64_t status)
{
    (void)weft_machine_off(HANDLE_MACHINE, status);
    weft_exit(status); /* without the machine's capability init can only end */
}

_Noreturn void init_fail(const char *what, const char *name, const char *reason, status_t status)
{
    weft_print("init: %s %s: %s (status %ld)\n", what, name, reason, status);
    machine_off(LOAD_STATUS);
}

static void read_manifest(void)
{
    struct weft_archive_file file;
    const char *problem = weft_archive_find(&init.archive, "manifest", &file);
    if (problem != NULL) {
        init_fail("file", "manifest", problem, 0);
    }
    unsigned line;
    problem = manifest_read(file.bytes, file.size, weft_startup()->arguments,
                            weft_startup()->cpu_count, &init.manifest, &line);
    if (problem != NULL) {
        weft_print("init: manifest line %u: %s\n", line, problem);
        machine_off(LOAD_STATUS);
    }
}

static status_t create_object(const struct manifest_object *object, uint64_t *handle)
{
    static const uint64_t given[] = {
        [KIND_CONSOLE] = HANDLE_CONSOLE,       [KIND_MACHINE] = HANDLE_MACHINE,
        [KIND_INITRD] = HANDLE_INITRD,         [KIND_PORTS] = HANDLE_PORTS,
        [KIND_INTERRUPTS] = HANDLE_INTERRUPTS, [KIND_PHYSICAL] = HANDLE_PHYSICAL,
        [KIND_TRACE] = HANDLE_TRACE,
    };
    switch (object->kind) {
    case KIND_ENDPOINT:
        return weft_endpoint_create(object->cpu, handle);
    case KIND_NOTIFICATION:
        return weft_notification_create(object->cpu, handle);
    case KIND_MEMORY:
        return weft_memory_create(object->pages, handle);
    case KIND_SUPERVISOR:
        return init.manifest.supervised ? desk_open(handle) : STATUS_OK;
    default:
        *handle = given[object->kind];
        return STATUS_OK;
    }
}

static void create_objects(void)
{
    for (uint32_t i = 0; i < init.manifest.object_count; i++) {
        status_t status = create_object(&init.manifest.objects[i], &init.handles[i]);
        if (status != STATUS_OK) {
            init_fail("object", init.manifest.objects[i].name, "cannot be created", status);
        }
    }
}

static void create_tasks(void)
{
    for (uint32_t i = 0; i < init.manifest.process_count; i++) {
        struct task *task = &init.tasks[i];
        task->process = &init.manifest.processes[i];
        task->state = task->process->is_manual ? WEFT_SERVICE_ENDED : WEFT_SERVICE_WAITING;
        if (task->process->is_service) {
            task_prepare(task);
        }
    }
}

/* Nothing that is waited for runs or will run. Where nothing is waited for, that is at once, unless there
 * is a service that may go on. */
static _Bool all_ended(void)
{
    _Bool waits = 0, serves = 0;
    for (uint32_t i = 0; i < init.manifest.process_count; i++) {
        const struct task *task = &init.tasks[i];
        _Bool over = task->state == WEFT_SERVICE_ENDED || task->state == WEFT_SERVICE_GIVEN_UP;
        waits |= task->process->wait;
        serves |= task->process->is_service && !over;
        if (task->process->wait && !over) {
            return 0;
        }
    }
    return waits || !serves;
}

static void take_bits(uint64_t bits)
{
    for (uint32_t i = 0; i < init.manifest.process_count; i++) {
        if ((bits >> i & 1) != 0) {
            task_look(&init.tasks[i]);
        }
    }
    if ((bits >> READY_BIT & 1) != 0) {
        tasks_look_for_ready();
    }
    if ((bits >> DESK_BIT & 1) != 0) {
        desk_answer();
    }
}

/* The loop: what ends, what is ready, what is asked, what is due. */
static void supervise(void)
{
    while (!all_ended()) {
        uint64_t bits = 0;
        status_t status = weft_notification_wait(init.notification, tasks_deadline(), &bits);
        if (status != STATUS_OK && status != STATUS_TIMED_OUT) {
            init_fail("notification", "of the children", "cannot be waited for", status);
        }
        take_bits(bits);
        tasks_tick();
    }
}

int main(void)
{
    const char *problem = weft_archive_open(&init.archive);
    if (problem != NULL) {
        init_fail("boot", "image", problem, 0);
    }
    read_manifest();
    status_t status = weft_notification_create(weft_startup()->cpu, &init.notification);
    if (status != STATUS_OK) {
        init_fail("notification", "of the children", "cannot be created", status);
    }
    create_objects();
    create_tasks();
    tasks_start_waiting();
    supervise();
    machine_off(init.result);
}
