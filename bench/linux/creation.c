/* SPDX-License-Identifier: Apache-2.0
 *
 * linux.fork_exit: how long does a process take to be made, to run, and to be gone?
 * linux.pthread_create, linux.clone_thread: how long does a thread?
 *
 * Timed, on CPU 0, hot: fork, the child's exit as its first act, and wait4 for it: past the C library,
 * whose fork does more. The parent is this program, which is small: half a megabyte is mapped. A
 * thread of the C library: pthread_create, its return at once, pthread_join; the library takes the
 * stack from its own store. A thread without it, as Weft's thread.create makes one: clone with a stack
 * that exists and is used again, the exit system call, and FUTEX_WAIT for the word that the kernel
 * clears when the thread is gone.
 */
#include "lab.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define STACK_BYTES 16384
#define THREAD_FLAGS                                                                               \
    (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |            \
     CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID)

static void fork_loop(struct loop *loop)
{
    for (uint64_t i = 0; i < loop->total; i++) {
        uint64_t before = timestamp();
        long child = syscall(SYS_fork);
        if (child == 0) {
            (void)syscall(SYS_exit, 0);
        }
        long ended = syscall(SYS_wait4, child, NULL, 0, NULL);
        loop->samples[i] = timestamp() - before;
        if (child < 0 || ended != child) {
            fail("fork and wait4");
        }
    }
}

static void *return_at_once(void *argument)
{
    return argument;
}

static void pthread_loop(struct loop *loop)
{
    for (uint64_t i = 0; i < loop->total; i++) {
        pthread_t thread;
        uint64_t before = timestamp();
        int failed = pthread_create(&thread, NULL, return_at_once, NULL);
        failed |= failed == 0 ? pthread_join(thread, NULL) : 0;
        loop->samples[i] = timestamp() - before;
        if (failed != 0) {
            fail("pthread_create and pthread_join");
        }
    }
}

static int exit_at_once(void *argument)
{
    (void)argument;
    (void)syscall(SYS_exit, 0);
    return 0;
}

static void clone_loop(struct loop *loop)
{
    static _Alignas(16) char stack[STACK_BYTES];
    static pid_t word; /* the thread's number, until it is gone */
    for (uint64_t i = 0; i < loop->total; i++) {
        uint64_t before = timestamp();
        int thread =
            clone(exit_at_once, stack + STACK_BYTES, THREAD_FLAGS, NULL, &word, NULL, &word);
        while (thread > 0 && __atomic_load_n(&word, __ATOMIC_ACQUIRE) != 0) {
            (void)syscall(SYS_futex, &word, FUTEX_WAIT, thread, NULL, NULL, 0);
        }
        loop->samples[i] = timestamp() - before;
        must(thread, "clone");
    }
}

void ask_creation(void)
{
    static const struct {
        const char *name;
        void (*ask)(struct loop *);
    } kinds[] = {
        {"linux.fork_exit", fork_loop},
        {"linux.pthread_create", pthread_loop},
        {"linux.clone_thread", clone_loop},
    };
    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (asked(kinds[i].name, 1)) {
            struct loop loop = loop_open();
            kinds[i].ask(&loop);
            report(kinds[i].name, &loop, 1, "\"cpu\":0");
        }
    }
}
