/* SPDX-License-Identifier: Apache-2.0
 *
 * The filler: as in bench/guest/filler.c a thread counts its turns while the others wait for a device, with SCHED_IDLE.
 * What it took is subtracted from each sample, so that the CPU never idles and the figures contain no waiting. And the
 * drivers' modules. lab.h says how they are used.
 */
#include "lab.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

uint64_t filler_turns;

static void *fill(void *unused)
{
    struct sched_param idle = {0};
    (void)unused;
    run_on(0);
    must(sched_setscheduler(0, SCHED_IDLE, &idle), "SCHED_IDLE");
    for (;;) {
        __asm__ volatile("1: incq %0\n\tjmp 1b" : "+m"(filler_turns));
    }
    return NULL;
}

void filler_start(void)
{
    static _Bool started;
    pthread_t thread;
    if (!started && pthread_create(&thread, NULL, fill, NULL) != 0) {
        fail("the filler");
    }
    started = 1;
}

void module_load(const char *name)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "/%s.ko", name);
    int file = (int)must(open(path, O_RDONLY), path);
    must(syscall(SYS_finit_module, file, "", 0), "a module of the kernel");
    (void)close(file);
}

/* What all virtio devices of the PCI bus need. */
void virtio_drivers(void)
{
    static const char *const modules[] = {"virtio_ring", "virtio", "virtio_pci_modern_dev",
                                          "virtio_pci_legacy_dev", "virtio_pci"};
    static _Bool loaded;
    for (unsigned i = 0; !loaded && i < sizeof(modules) / sizeof(modules[0]); i++) {
        module_load(modules[i]);
    }
    loaded = 1;
}

void disk_driver(void)
{
    static _Bool loaded;
    if (loaded) {
        return;
    }
    virtio_drivers();
    module_load("virtio_blk");
    int scheduler = (int)must(open("/sys/block/vda/queue/scheduler", O_WRONLY), "the disk's queue");
    must(write(scheduler, "none", 4), "no scheduler for the disk");
    (void)close(scheduler);
    loaded = 1;
}
