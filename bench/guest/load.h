/* SPDX-License-Identifier: Apache-2.0
 *
 * CPUs that have other things to do: threads of this process that compute and never wait.
 *
 *     load_start(cpu, LOAD_PRIORITY_LOW);     one thread; may be called again, for the same CPU or another
 *     load_end();                             ends all of them
 *
 * Now and then they say PAUSE, so that where one host thread runs all CPUs in turn the others get theirs: in
 * icount mode what is measured on one CPU contains some hundred instructions of the load on another for each
 * turn that it waits.
 */
#pragma once

#include <stdint.h>

#define LOAD_PRIORITY_LOW 8 /* below all others of the benchmarks */
#define LOAD_WEIGHT 10      /* where a policy shares by weight: the usual one */

/* Returns when the thread runs, which the caller must let it. */
void load_start(uint32_t cpu, uint32_t priority);
void load_end(void);

/* Computes for about so many instructions, with a PAUSE now and then. */
void load_work(uint64_t instructions);

/* The calling thread goes on with another priority, at most the one that it was created with. */
void load_set_priority(uint32_t priority, uint32_t weight);

/* Lets threads of a lower priority that are through with their work leave their CPU for good: one that is
 * ready would be seen by what is measured next. For after such threads were waited for. */
void load_settle(void);
