/* SPDX-License-Identifier: Apache-2.0
 *
 * What has happened and what was used, for who may know it. The counters are written by their owners in
 * one instruction each and read from here without asking them: each is right, a little old, and not
 * of the same moment as the next.
 */
#include "kernel/cpu.h"
#include "kernel/sched/account.h"
#include "weft/kernel_syscalls.h"

status_t sys_statistics_cpu(uint64_t cpus, uint64_t cpu, uint64_t address)
{
    struct process *process = current()->process;
    status_t status = range_check(process->caps, cpus, OBJECT_CPUS, RIGHT_READ, cpu, 1);

    return status != STATUS_OK ? status
                               : user_copy_out(process, &cpu_table[cpu]->statistics, address,
                                               sizeof(cpu_table[cpu]->statistics));
}

/* Limit: one pass over all threads of the process. */
status_t do_process_statistics(struct thread *caller, struct object *object)
{
    struct process *process = (struct process *)object;
    struct weft_process_statistics statistics = {
        .time = process->time,
        .threads = process->thread_count,
        .pages = process->quota,
        .pages_free = process->pool.free_pages,
    };

    for (struct list_link *link = process->threads.head.next; link != &process->threads.head;
         link = link->next) {
        const struct thread *thread = container_of(link, struct thread, siblings);

        statistics.time += thread->dead ? 0 : account_used(thread);
    }
    return user_copy_out(caller->process, &statistics, arch_argument(&caller->frame, 1),
                         sizeof(statistics));
}
