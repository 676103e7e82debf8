/* SPDX-License-Identifier: Apache-2.0
 *
 * linux.mmap_munmap: what does it cost to map a page and to take it away again?
 * linux.munmap.{alone,shootdown}, linux.mprotect.{alone,shootdown}: what does it cost to take a page
 * away, or the right to write to it, while this is the only thread of the process, and what while a
 * thread of it spins on every other CPU, each of which must have forgotten the translation first?
 *
 * Timed, on CPU 0, hot: mmap of one page of a memory file that exists (MAP_SHARED and MAP_POPULATE,
 * which is faster than to take a fault), a write to it, munmap; or munmap, or mprotect to read only,
 * of a page that has just been written. Not measured: making the page, clearing it, page tables (a
 * page beside it stays mapped).
 */
#include "lab.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096
#define CPUS_MAX 256

struct window {
    char *at; /* two pages are kept for it; the second one stays mapped */
    int file;
};

static void window_map(const struct window *window)
{
    void *page = mmap(window->at, PAGE, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_POPULATE | MAP_FIXED, window->file, 0);
    if (page == MAP_FAILED) {
        fail("mmap");
    }
    *(volatile uint64_t *)page = 1;
}

static struct window window_open(void)
{
    struct window window = {0};
    window.file = (int)must(memfd_create("page", 0), "memfd_create");
    must(ftruncate(window.file, PAGE), "ftruncate");
    window.at = mmap(NULL, 2ul * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (window.at == MAP_FAILED) {
        fail("mmap");
    }
    *(volatile uint64_t *)(window.at + PAGE) = 1;
    return window;
}

static void window_close(const struct window *window)
{
    must(munmap(window->at, 2ul * PAGE), "munmap");
    (void)close(window->file);
}

static void loop_map_unmap(struct loop *loop, const struct window *window)
{
    for (uint64_t i = 0; i < loop->total; i++) {
        uint64_t before = timestamp();
        window_map(window);
        int result = munmap(window->at, PAGE);
        loop->samples[i] = timestamp() - before;
        must(result, "munmap");
    }
}

static void loop_unmap(struct loop *loop, const struct window *window)
{
    for (uint64_t i = 0; i < loop->total; i++) {
        window_map(window);
        uint64_t before = timestamp();
        int result = munmap(window->at, PAGE);
        loop->samples[i] = timestamp() - before;
        must(result, "munmap");
    }
}

static void loop_protect(struct loop *loop, const struct window *window)
{
    window_map(window);
    for (uint64_t i = 0; i < loop->total; i++) {
        must(mprotect(window->at, PAGE, PROT_READ | PROT_WRITE), "mprotect");
        *(volatile uint64_t *)window->at = i;
        uint64_t before = timestamp();
        int result = mprotect(window->at, PAGE, PROT_READ);
        loop->samples[i] = timestamp() - before;
        must(result, "mprotect");
    }
}

static unsigned spinning; /* atomic: threads that spin */
static unsigned ended;    /* atomic: they shall end */

static void *spin(void *cpu)
{
    run_on((unsigned)(uintptr_t)cpu);
    __atomic_fetch_add(&spinning, 1, __ATOMIC_RELEASE);
    while (__atomic_load_n(&ended, __ATOMIC_ACQUIRE) == 0) {
        _mm_pause();
    }
    return NULL;
}

static void spinners_start(pthread_t *threads)
{
    spinning = ended = 0;
    for (uintptr_t cpu = 1; cpu < options.cpus; cpu++) {
        if (pthread_create(&threads[cpu], NULL, spin, (void *)cpu) != 0) {
            fail("pthread_create");
        }
    }
    while (__atomic_load_n(&spinning, __ATOMIC_ACQUIRE) < options.cpus - 1) {
        _mm_pause();
    }
}

static void spinners_end(pthread_t *threads)
{
    __atomic_store_n(&ended, 1, __ATOMIC_RELEASE);
    for (unsigned cpu = 1; cpu < options.cpus; cpu++) {
        (void)pthread_join(threads[cpu], NULL);
    }
}

static void ask(const char *name, _Bool others, void (*run)(struct loop *, const struct window *))
{
    static pthread_t threads[CPUS_MAX];
    char params[32];
    if (!asked(name, others ? 2 : 1)) {
        return;
    }
    struct loop loop = loop_open();
    struct window window = window_open();
    if (others) {
        spinners_start(threads);
    }
    run(&loop, &window);
    if (others) {
        spinners_end(threads);
    }
    window_close(&window);
    (void)snprintf(params, sizeof(params), "\"cpus\":%u", others ? options.cpus : 1);
    report(name, &loop, 1, params);
}

void ask_memory(void)
{
    ask("linux.mmap_munmap", 0, loop_map_unmap);
    ask("linux.munmap.alone", 0, loop_unmap);
    ask("linux.munmap.shootdown", 1, loop_unmap);
    ask("linux.mprotect.alone", 0, loop_protect);
    ask("linux.mprotect.shootdown", 1, loop_protect);
}
