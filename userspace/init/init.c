/* SPDX-License-Identifier: Apache-2.0
 *
 * The first process, the only one that the kernel starts. It reads the file `manifest` in the boot
 * image, makes the objects and processes that are declared there, waits, and switches the machine
 * off. Each process gets exactly the capabilities that its lines give it.
 *
 * The manifest: one item per line; `#` begins a comment line; leading blanks do not count.
 *
 *     endpoint NAME [cpu=N]
 *     notification NAME [cpu=N]
 *     memory NAME pages=N                 declare an object; cpu is where it lives, default 0
 *
 *     process NAME program=FILE [cpu=N] [home=N] [cpus=A-B] [priority=N] [pages=N]
 *             [wait]
 *                                         a process; FILE is an entry of the boot image; cpu is where
 *                                         it starts, home the CPU that looks after its table,
 *                                         memory and threads (default 0), cpus where it may place threads and objects
 *                                         (capability `cpus`, default all of them); pages is
 *                                         its memory quota beyond its image (default 256); init
 *                                         waits for those marked `wait`. The following lines, up to
 *                                         the next process, belong to it:
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
 *                                             ports, interrupts, physical
 *                                                       default rw: parts of the machine, with range
 *                                                       only those from A to B (physical: pages)
 *                                         declared objects default to rw. Every process holds the
 *                                         capability `self` to itself in any case.
 *
 *     include FILE                        another file for the boot image; init ignores the line
 *
 * CPU numbers are taken modulo the machine's number of CPUs, so that one manifest serves them all.
 *
 * The end: when all processes marked `wait` have ended, status 0, or the first non-zero status of
 * one of them; FAULT_STATUS if one ended by a fault or was killed; LOAD_STATUS if the boot image
 * cannot be used. One line on the console says why.
 */
#include "manifest.h"

#include "weft/archive.h"
#include "weft/layout.h"
#include "weft/loader.h"
#include "weft/print.h"
#include "weft/startup.h"
#include "weft/string.h"
#include "weft/syscalls.h"

#define LOAD_STATUS 97
#define FAULT_STATUS 98
#define STATUS_TOP 99 /* the machine's exit statuses end here */
#define CHILD_BITS 64 /* bits of the notification by which children report */

static struct manifest manifest;
static uint64_t handles[MANIFEST_OBJECTS_MAX]; /* of manifest.objects, in the same order */
static struct weft_child children[MANIFEST_PROCESSES_MAX];
static _Bool ended[MANIFEST_PROCESSES_MAX];

static _Noreturn void machine_off(uint64_t status)
{
    (void)weft_machine_off(HANDLE_MACHINE, status);
    weft_exit(status); /* without the machine's capability init can only end */
}

static _Noreturn void give_up(const char *what, const char *name, const char *reason,
                              status_t status)
{
    weft_print("init: %s %s: %s (status %ld)\n", what, name, reason, status);
    machine_off(LOAD_STATUS);
}

static void read_manifest(const struct weft_archive *archive)
{
    struct weft_file file;
    const char *problem = weft_archive_find(archive, "manifest", &file);
    if (problem != NULL) {
        give_up("file", "manifest", problem, 0);
    }
    unsigned line;
    problem = manifest_read(file.bytes, file.size, weft_startup()->arguments,
                            weft_startup()->cpu_count, &manifest, &line);
    if (problem != NULL) {
        weft_print("init: manifest line %u: %s\n", line, problem);
        machine_off(LOAD_STATUS);
    }
}

static status_t create_object(const struct manifest_object *object, uint64_t *handle)
{
    switch (object->kind) {
    case KIND_ENDPOINT:
        return weft_endpoint_create(object->cpu, handle);
    case KIND_NOTIFICATION:
        return weft_notification_create(object->cpu, handle);
    case KIND_MEMORY:
        return weft_memory_create(object->pages, handle);
    case KIND_CONSOLE:
        *handle = HANDLE_CONSOLE;
        return STATUS_OK;
    case KIND_MACHINE:
        *handle = HANDLE_MACHINE;
        return STATUS_OK;
    case KIND_INITRD:
        *handle = HANDLE_INITRD;
        return STATUS_OK;
    case KIND_PORTS:
        *handle = HANDLE_PORTS;
        return STATUS_OK;
    case KIND_INTERRUPTS:
        *handle = HANDLE_INTERRUPTS;
        return STATUS_OK;
    case KIND_PHYSICAL:
        *handle = HANDLE_PHYSICAL;
        return STATUS_OK;
    }
    return STATUS_BAD_ARGUMENT;
}

static void create_objects(void)
{
    for (uint32_t i = 0; i < manifest.object_count; i++) {
        status_t status = create_object(&manifest.objects[i], &handles[i]);
        if (status != STATUS_OK) {
            give_up("object", manifest.objects[i].name, "cannot be created", status);
        }
    }
}

static void start_process(const struct weft_archive *archive, uint32_t index, uint64_t supervisor)
{
    const struct manifest_process *process = &manifest.processes[index];
    struct weft_grant grants[MANIFEST_GRANTS_MAX];
    for (uint32_t i = 0; i < process->grant_count; i++) {
        const struct manifest_grant *grant = &process->grants[i];
        grants[i] =
            (struct weft_grant){grant->name, handles[grant->object], grant->rights, grant->badge};
    }
    struct weft_spawn spawn = {
        .name = process->name,
        .program = process->program,
        .arguments = process->arguments,
        .cpu = process->cpu,
        .home = process->home,
        .cpus = process->cpus,
        .priority = process->priority,
        .pages = process->pages,
        .notification = supervisor,
        .bits = 1ull << (index % CHILD_BITS),
        .grants = grants,
        .grant_count = process->grant_count,
    };
    status_t status = weft_spawn(archive, &spawn, &children[index]);
    if (status != STATUS_OK) {
        give_up("process", process->name, spawn.reason, status);
    }
}

/* Looks at a child that may have ended: says how on the console where it was not by its own will,
 * and returns the status that this means for the machine. */
static uint64_t look_at(uint32_t index)
{
    const char *name = manifest.processes[index].name;
    struct weft_end end = weft_process_end(children[index].process);
    ended[index] = end.cause != WEFT_ALIVE;
    switch (end.cause) {
    case WEFT_FAULT:
        weft_print("init: process %s ended by fault %u\n", name, end.status);
        return FAULT_STATUS;
    case WEFT_KILLED:
        weft_print("init: process %s was killed\n", name);
        return FAULT_STATUS;
    case WEFT_EXITED:
        return end.status <= STATUS_TOP ? end.status : STATUS_TOP;
    default:
        return 0;
    }
}

static _Bool all_ended(void)
{
    for (uint32_t i = 0; i < manifest.process_count; i++) {
        if (manifest.processes[i].wait && !ended[i]) {
            return 0;
        }
    }
    return 1;
}

/* Returns the status with which the machine goes off. Ends at once where nothing is waited for. */
static uint64_t supervise(uint64_t supervisor)
{
    uint64_t result = 0;
    while (!all_ended()) {
        uint64_t bits;
        status_t status = weft_notification_wait(supervisor, 0, &bits);
        if (status != STATUS_OK) {
            give_up("notification", "of the children", "cannot be waited for", status);
        }
        for (uint32_t i = 0; i < manifest.process_count; i++) {
            if (ended[i] || (bits >> (i % CHILD_BITS) & 1) == 0) {
                continue;
            }
            uint64_t its = look_at(i);
            if (manifest.processes[i].wait && result == 0) {
                result = its;
            }
        }
    }
    return result;
}

int main(void)
{
    struct weft_archive archive;
    const char *problem = weft_archive_open(&archive);
    if (problem != NULL) {
        give_up("boot", "image", problem, 0);
    }
    read_manifest(&archive);
    create_objects();
    uint64_t supervisor;
    status_t status = weft_notification_create(weft_startup()->cpu, &supervisor);
    if (status != STATUS_OK) {
        give_up("notification", "of the children", "cannot be created", status);
    }
    for (uint32_t i = 0; i < manifest.process_count; i++) {
        start_process(&archive, i, supervisor);
    }
    machine_off(supervise(supervisor));
}
