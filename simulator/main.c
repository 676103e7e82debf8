/* SPDX-License-Identifier: Apache-2.0
 *
 * weft-simulate: runs a script of load (simulator/script.h) on virtual CPUs with the kernel's own
 * scheduling policies, and writes a capture that all trace tools read.
 *
 *     weft-simulate SCRIPT [--cpus N] [--policy fixed|edf|fair] -o FILE
 *
 * What is the kernel's: kernel/sched/policy_*.c, budgets (kernel/policy.h) and trees. What is modelled
 * after it: when a policy is asked, slices and the ends of budgets (kernel/sched/sched.c), without the time
 * that the kernel itself takes. Threads stay on their CPUs, so each CPU is run by itself.
 *
 * Exit code 0: done; 1: a file cannot be read or written; 2: asked wrongly, or the script is wrong.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/policy.h"
#include "simulator/capture.h"
#include "simulator/script.h"
#include "weft/trace_events.h"

#define CPUS_MAX 1024
#define KERNEL_PROCESS 1u
#define LOAD_PROCESS 2u
#define FIRST_IDLE 10u
#define FIRST_THREAD (FIRST_IDLE + CPUS_MAX)
#define NONE (~0ull)

struct thread {
    struct sched_entity run;
    struct sched_context own;
    struct tree_node timeout;
    const struct script_thread *script;
    uint32_t id, phase;
    uint64_t left; /* of the run phase it is in */
    bool out_of_budget;
};

/* The CPU that is being run. */
static struct {
    struct run_queue queue;
    struct tree timeouts;
    struct thread *current; /* NULL: idle */
    uint32_t id;
    uint64_t now;
    uint64_t slice_end, budget_end; /* 0: none */
    struct thread *slice_thread;    /* NULL: whoever runs at its end goes to the back */
    bool need_resched;
    uint32_t running; /* id of who runs as far as the trace knows */
    uint64_t switches;
} cpu;

static struct script script;
static struct script_thread scripted[SCRIPT_THREADS_MAX];
static struct thread threads[SCRIPT_THREADS_MAX];

static void event(uint8_t id, uint8_t small, uint32_t a, uint32_t b)
{
    capture_event(cpu.id, false, cpu.now, id, small, a, b);
}

/* ---- as kernel/sched/sched.c ---------------------------------------------------------------------- */

static void set_timeout(struct thread *thread, uint64_t deadline)
{
    thread->timeout.key = deadline;
    tree_insert(&cpu.timeouts, &thread->timeout);
}

static void start_slice(void)
{
    if (cpu.slice_end == 0) {
        cpu.slice_end = cpu.now + cpu.queue.slice;
        cpu.slice_thread = cpu.current;
    }
}

static void ready(struct thread *thread)
{
    const struct policy *policy = cpu.queue.policy;

    event(TRACE_EVENT_WAKEUP, (uint8_t)thread->own.priority, thread->id, 0);
    policy->enqueue(&cpu.queue, &thread->run, false);
    if (cpu.current == NULL || policy->beats(&cpu.queue, &cpu.current->own)) {
        cpu.need_resched = true;
    } else if (policy->shares(&cpu.queue, &cpu.current->own)) {
        start_slice();
    }
}

static bool admit(struct thread *thread, bool woken)
{
    struct sched_context *sc = &thread->own;

    if (sc->limit == TIME_UNLIMITED) {
        return true;
    }
    if (woken) {
        budget_wake(sc, cpu.now);
    } else if (budget_left(sc) == 0 && cpu.now >= sc->refill) {
        budget_refill(sc, cpu.now);
        event(TRACE_EVENT_BUDGET_REFILL, 0, thread->id, thread->id);
    }
    thread->out_of_budget = budget_left(sc) == 0;
    if (thread->out_of_budget) {
        event(TRACE_EVENT_BUDGET_OUT, 0, thread->id, thread->id);
        set_timeout(thread, sc->refill);
    }
    return !thread->out_of_budget;
}

/* The CPU goes to the best; the last one is left in this state. */
static void run_next(uint8_t left_state)
{
    struct sched_entity *best = cpu.queue.ready != 0 ? cpu.queue.policy->pick(&cpu.queue) : NULL;
    uint32_t next;

    cpu.need_resched = false;
    cpu.current = best == NULL ? NULL : container_of(best, struct thread, run);
    next = cpu.current == NULL ? FIRST_IDLE + cpu.id : cpu.current->id;
    if (next != cpu.running) {
        event(TRACE_EVENT_SWITCH, left_state, cpu.running, next);
        cpu.running = next;
        cpu.switches++;
    }
    if (best == NULL) {
        return;
    }
    if (best->sc->limit != TIME_UNLIMITED) {
        cpu.budget_end = cpu.now + budget_left(best->sc);
    }
    if (cpu.queue.policy->shares(&cpu.queue, best->sc)) {
        start_slice();
    }
}

static void leave(struct thread *thread, bool first)
{
    if (admit(thread, false)) {
        cpu.queue.policy->enqueue(&cpu.queue, &thread->run, first);
        run_next(TRACE_THREAD_STATE_RUNNABLE);
    } else {
        run_next(TRACE_THREAD_STATE_OUT_OF_BUDGET);
    }
}

/* ---- time ------------------------------------------------------------------------------------------- */

static void end_timeouts(void)
{
    struct tree_node *first;

    while ((first = tree_first(&cpu.timeouts)) != NULL && first->key <= cpu.now) {
        struct thread *thread = container_of(first, struct thread, timeout);

        tree_remove(&cpu.timeouts, first);
        if (admit(thread, !thread->out_of_budget)) {
            ready(thread);
        }
    }
}

static void budget_ended(void)
{
    cpu.budget_end = 0;
    if (cpu.current == NULL || cpu.current->own.limit == TIME_UNLIMITED) {
        return;
    }
    if (budget_left(&cpu.current->own) == 0) {
        cpu.need_resched = true;
    } else {
        cpu.budget_end = cpu.now + cpu.current->own.limit - cpu.current->own.used;
    }
}

static void slice_ended(void)
{
    struct thread *thread = cpu.current;
    bool shares = thread != NULL && cpu.queue.policy->shares(&cpu.queue, &thread->own);

    cpu.slice_end = 0;
    if (shares && thread != cpu.slice_thread && cpu.slice_thread != NULL) {
        start_slice();
        cpu.slice_thread = NULL;
    } else if (shares) {
        leave(thread, false);
    }
}

static void timer(void)
{
    end_timeouts();
    if (cpu.budget_end != 0 && cpu.budget_end <= cpu.now) {
        budget_ended();
    }
    if (cpu.slice_end != 0 && cpu.slice_end <= cpu.now) {
        slice_ended();
    }
    if (cpu.need_resched && cpu.current != NULL) {
        leave(cpu.current, true);
    } else if (cpu.need_resched) {
        run_next(TRACE_THREAD_STATE_RUNNABLE);
    }
}

/* ---- what threads do ---------------------------------------------------------------------------------- */

/* The current thread has come to a phase. */
static void begin_phase(struct thread *thread)
{
    const struct script_phase *phase = &thread->script->phases[thread->phase];
    uint64_t start = thread->script->start * 1000, time = phase->time * 1000;

    thread->phase = (thread->phase + 1) % thread->script->phase_count;
    switch (phase->kind) {
    case SCRIPT_RUN:
        thread->left = time;
        return;
    case SCRIPT_SLEEP:
        set_timeout(thread, cpu.now + time);
        break;
    case SCRIPT_EVERY:
        set_timeout(thread, start + ((cpu.now - start) / time + 1) * time);
        break;
    case SCRIPT_YIELD:
        if (cpu.queue.ready != 0) {
            leave(thread, false);
        }
        return;
    }
    run_next(TRACE_THREAD_STATE_SLEEPING);
}

static uint64_t sooner(uint64_t one, uint64_t other)
{
    return other != 0 && other < one ? other : one;
}

static void run_cpu(uint64_t end)
{
    while (cpu.now < end) {
        const struct tree_node *timeout = tree_first(&cpu.timeouts);
        uint64_t interrupt = sooner(sooner(NONE, cpu.slice_end), cpu.budget_end);
        uint64_t next, ran;

        interrupt = timeout != NULL && timeout->key < interrupt ? timeout->key : interrupt;
        next = cpu.current == NULL ? interrupt : sooner(interrupt, cpu.now + cpu.current->left);
        next = next < end ? next : end;
        ran = next > cpu.now ? next - cpu.now : 0;
        cpu.now += ran;
        if (cpu.current != NULL) {
            cpu.current->left -= ran;
            cpu.current->own.used += ran;
        }
        if (interrupt <= cpu.now) {
            timer();
        }
        while (cpu.now < end && cpu.current != NULL && cpu.current->left == 0) {
            begin_phase(cpu.current);
        }
    }
}

static void prepare(uint32_t id, const struct policy *policy)
{
    uint32_t idle = FIRST_IDLE + id;
    char name[16];

    memset(&cpu, 0, sizeof(cpu));
    run_queue_init(&cpu.queue, policy, script.slice * 1000);
    cpu.id = id;
    cpu.running = idle;
    snprintf(name, sizeof(name), "idle/%u", id);
    capture_event(id, true, 0, TRACE_EVENT_THREAD_IDLE, (uint8_t)id, idle, KERNEL_PROCESS);
    capture_name(id, TRACE_NAME_KIND_THREAD, idle, name);
    for (uint32_t i = 0; i < script.thread_count; i++) {
        struct thread *thread = &threads[i];

        if (scripted[i].cpu != id) {
            continue;
        }
        thread->script = &scripted[i];
        thread->id = FIRST_THREAD + i;
        thread->run.sc = &thread->own;
        thread->own = (struct sched_context){
            .owner = thread->id,
            .priority = (int8_t)scripted[i].priority,
            .weight = (uint8_t)scripted[i].weight,
            .budget = scripted[i].budget * 1000,
            .period = scripted[i].period * 1000,
            .limit = scripted[i].budget == 0 ? TIME_UNLIMITED : 0,
        };
        capture_event(id, true, 0, TRACE_EVENT_THREAD_CREATE, (uint8_t)id, thread->id,
                      LOAD_PROCESS);
        capture_name(id, TRACE_NAME_KIND_THREAD, thread->id, scripted[i].name);
        set_timeout(thread, scripted[i].start * 1000);
    }
}

static void simulate(uint32_t cpus, const struct policy *policy)
{
    uint64_t switches = 0, busy = 0;

    capture_event(0, true, 0, TRACE_EVENT_PROCESS_CREATE, 0, KERNEL_PROCESS, 0);
    capture_name(0, TRACE_NAME_KIND_PROCESS, KERNEL_PROCESS, "kernel");
    capture_event(0, true, 0, TRACE_EVENT_PROCESS_CREATE, 0, LOAD_PROCESS, KERNEL_PROCESS);
    capture_name(0, TRACE_NAME_KIND_PROCESS, LOAD_PROCESS, "load");
    for (uint32_t id = 0; id < cpus; id++) {
        prepare(id, policy);
        run_cpu(script.end * 1000);
        switches += cpu.switches;
    }
    for (uint32_t i = 0; i < script.thread_count; i++) {
        busy += threads[i].own.used;
    }
    printf("%u CPUs, %s: %u threads, %lu switches, %lu of %lu us busy\n", cpus, policy->name,
           script.thread_count, (unsigned long)switches, (unsigned long)(busy / 1000),
           (unsigned long)(script.end * cpus));
}

/* ---- the command ---------------------------------------------------------------------------------------- */

#define USAGE "usage: weft simulate SCRIPT [--cpus N] [--policy fixed|edf|fair] -o FILE\n"

static int usage(const char *problem)
{
    fprintf(stderr, "weft simulate: %s\n" USAGE, problem);
    return 2;
}

static int load_script(const char *path, uint32_t cpus)
{
    static char text[1 << 20];
    FILE *file = fopen(path, "rb");
    const char *problem;
    size_t size;

    if (file == NULL) {
        fprintf(stderr, "weft simulate: %s: %s\n", path, strerror(errno));
        return 1;
    }
    size = fread(text, 1, sizeof(text), file);
    fclose(file);
    problem = script_read(&script, scripted, SCRIPT_THREADS_MAX, text, size);
    for (uint32_t i = 0; problem == NULL && i < script.thread_count; i++) {
        if (scripted[i].cpu >= cpus) {
            problem = "a thread's CPU does not exist";
        }
    }
    if (problem != NULL) {
        fprintf(stderr, "weft simulate: %s:%u: %s\n", path, script.line, problem);
        return 2;
    }
    return 0;
}

int main(int count, char **arguments)
{
    static const struct policy *const policies[] = {&policy_fixed, &policy_edf, &policy_fair};
    const struct policy *policy = &policy_fixed;
    const char *path = NULL, *output = NULL;
    unsigned long cpus = 4;
    int status;

    for (int i = 1; i < count; i++) {
        if (arguments[i][0] != '-') {
            path = arguments[i];
        } else if (strcmp(arguments[i], "-h") == 0 || strcmp(arguments[i], "--help") == 0) {
            fputs(USAGE "\nexample: weft simulate tests/simulator/shares.script --policy fair"
                        " -o out/shares.weft\n",
                  stdout);
            return 0;
        } else if (i + 1 == count) {
            return usage("an option lacks its value");
        } else if (strcmp(arguments[i], "--cpus") == 0) {
            cpus = strtoul(arguments[++i], NULL, 10);
        } else if (strcmp(arguments[i], "-o") == 0) {
            output = arguments[++i];
        } else if (strcmp(arguments[i], "--policy") == 0) {
            policy = NULL;
            for (unsigned p = 0; p < 3; p++) {
                policy = strcmp(arguments[i + 1], policies[p]->name) == 0 ? policies[p] : policy;
            }
            i++;
        } else {
            return usage("there is no such option");
        }
    }
    if (path == NULL || output == NULL || policy == NULL || cpus == 0 || cpus > CPUS_MAX) {
        return usage("a script, an output, a policy that exists and 1 to 1024 CPUs are needed");
    }
    status = load_script(path, (uint32_t)cpus);
    if (status != 0) {
        return status;
    }
    simulate((uint32_t)cpus, policy);
    if (!capture_write(output, (uint32_t)cpus)) {
        fprintf(stderr, "weft simulate: %s: %s\n", output, strerror(errno));
        return 1;
    }
    return 0;
}
