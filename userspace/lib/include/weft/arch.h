/* SPDX-License-Identifier: Apache-2.0
 *
 * What user space knows of the machine: every architecture's header defines the same inline
 * functions, and nothing else in the library contains assembly or asks for the architecture.
 *
 *     weft_syscall0 .. weft_syscall6            status_t: system calls by number of arguments
 *     weft_syscallN_result(..., out)            the same, with the result register
 *     weft_syscall_call / _receive / _reply     the message calls, words in registers
 *     weft_syscall_any(number, registers)       any call with all six registers, changed in place
 *     weft_cycles()                             the clock that weft_sleep() and the trace use
 *     weft_timestamp()                          the same clock, after all earlier instructions
 *     weft_pause()                              one turn of a polling loop; every one must have it
 *     weft_thread_finish(flag, number, status)  sets *flag, then makes this last system call; stack untouched
 *     weft_processor_id()                       number of the processor, told by itself
 *     weft_vector_registers_differ(...)         a system call that checks the vector registers
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef int64_t status_t; /* STATUS_OK or a negative enum status */

#if defined(__x86_64__)
#include "weft/arch/x86_64.h"
#else
#error "no user-space support for this architecture"
#endif
