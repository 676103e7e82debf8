/* SPDX-License-Identifier: Apache-2.0
 *
 * System calls and clock of x86_64; see weft/arch.h for what each function does.
 *
 * The kernel takes the number in rax and arguments in rdi, rsi, rdx, r10, r8, r9; it answers with
 * the status in rax and a result in rdx, and keeps every register but rax, rdx, rcx and r11. The
 * functions are inline so that a call is the `syscall` instruction and the loads of its registers.
 * Include weft/arch.h, never this file.
 */
#pragma once

static inline status_t weft_syscall0_result(uint64_t number, uint64_t *out)
{
    status_t status;
    uint64_t rdx;
    __asm__ volatile("syscall" : "=a"(status), "=d"(rdx) : "0"(number) : "rcx", "r11", "memory");
    *out = rdx;
    return status;
}

static inline status_t weft_syscall0(uint64_t number)
{
    uint64_t unused;
    return weft_syscall0_result(number, &unused);
}

static inline status_t weft_syscall1_result(uint64_t number, uint64_t a0, uint64_t *out)
{
    status_t status;
    uint64_t rdx;
    __asm__ volatile("syscall"
                     : "=a"(status), "=d"(rdx)
                     : "0"(number), "D"(a0)
                     : "rcx", "r11", "memory");
    *out = rdx;
    return status;
}

static inline status_t weft_syscall1(uint64_t number, uint64_t a0)
{
    uint64_t unused;
    return weft_syscall1_result(number, a0, &unused);
}

static inline status_t weft_syscall2_result(uint64_t number, uint64_t a0, uint64_t a1,
                                            uint64_t *out)
{
    status_t status;
    uint64_t rdx;
    __asm__ volatile("syscall"
                     : "=a"(status), "=d"(rdx)
                     : "0"(number), "D"(a0), "S"(a1)
                     : "rcx", "r11", "memory");
    *out = rdx;
    return status;
}

static inline status_t weft_syscall2(uint64_t number, uint64_t a0, uint64_t a1)
{
    uint64_t unused;
    return weft_syscall2_result(number, a0, a1, &unused);
}

static inline status_t weft_syscall3_result(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2,
                                            uint64_t *out)
{
    status_t status;
    uint64_t rdx = a2;
    __asm__ volatile("syscall"
                     : "=a"(status), "+d"(rdx)
                     : "0"(number), "D"(a0), "S"(a1)
                     : "rcx", "r11", "memory");
    *out = rdx;
    return status;
}

static inline status_t weft_syscall3(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2)
{
    uint64_t unused;
    return weft_syscall3_result(number, a0, a1, a2, &unused);
}

static inline status_t weft_syscall4_result(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2,
                                            uint64_t a3, uint64_t *out)
{
    status_t status;
    uint64_t rdx = a2;
    register uint64_t r10 __asm__("r10") = a3;
    __asm__ volatile("syscall"
                     : "=a"(status), "+d"(rdx)
                     : "0"(number), "D"(a0), "S"(a1), "r"(r10)
                     : "rcx", "r11", "memory");
    *out = rdx;
    return status;
}

static inline status_t weft_syscall4(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2,
                                     uint64_t a3)
{
    uint64_t unused;
    return weft_syscall4_result(number, a0, a1, a2, a3, &unused);
}

static inline status_t weft_syscall5_result(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2,
                                            uint64_t a3, uint64_t a4, uint64_t *out)
{
    status_t status;
    uint64_t rdx = a2;
    register uint64_t r10 __asm__("r10") = a3;
    register uint64_t r8 __asm__("r8") = a4;
    __asm__ volatile("syscall"
                     : "=a"(status), "+d"(rdx)
                     : "0"(number), "D"(a0), "S"(a1), "r"(r10), "r"(r8)
                     : "rcx", "r11", "memory");
    *out = rdx;
    return status;
}

static inline status_t weft_syscall5(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2,
                                     uint64_t a3, uint64_t a4)
{
    uint64_t unused;
    return weft_syscall5_result(number, a0, a1, a2, a3, a4, &unused);
}

static inline status_t weft_syscall6_result(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2,
                                            uint64_t a3, uint64_t a4, uint64_t a5, uint64_t *out)
{
    status_t status;
    uint64_t rdx = a2;
    register uint64_t r10 __asm__("r10") = a3;
    register uint64_t r8 __asm__("r8") = a4;
    register uint64_t r9 __asm__("r9") = a5;
    __asm__ volatile("syscall"
                     : "=a"(status), "+d"(rdx)
                     : "0"(number), "D"(a0), "S"(a1), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    *out = rdx;
    return status;
}

static inline status_t weft_syscall6(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2,
                                     uint64_t a3, uint64_t a4, uint64_t a5)
{
    uint64_t unused;
    return weft_syscall6_result(number, a0, a1, a2, a3, a4, a5, &unused);
}

/* The four words of a message travel in rsi, rdx, r10, r8 both ways. */
static inline status_t weft_syscall_call(uint64_t number, uint64_t handle, uint64_t words[4])
{
    status_t status;
    register uint64_t r10 __asm__("r10") = words[2];
    register uint64_t r8 __asm__("r8") = words[3];
    __asm__ volatile("syscall"
                     : "=a"(status), "+S"(words[0]), "+d"(words[1]), "+r"(r10), "+r"(r8)
                     : "0"(number), "D"(handle)
                     : "rcx", "r11", "memory");
    words[2] = r10;
    words[3] = r8;
    return status;
}

static inline status_t weft_syscall_receive(uint64_t number, uint64_t handle, uint64_t words[4],
                                            uint64_t *badge)
{
    status_t status;
    register uint64_t r10 __asm__("r10") = words[2];
    register uint64_t r8 __asm__("r8") = words[3];
    __asm__ volatile("syscall"
                     : "=a"(status), "+D"(handle), "+S"(words[0]), "+d"(words[1]), "+r"(r10),
                       "+r"(r8)
                     : "0"(number)
                     : "rcx", "r11", "memory");
    *badge = handle;
    words[2] = r10;
    words[3] = r8;
    return status;
}

/* The same with the address of a struct weft_ipc in r9. */
static inline status_t weft_syscall_call_with(uint64_t number, uint64_t handle, uint64_t words[4],
                                              const void *ipc)
{
    status_t status;
    register uint64_t r10 __asm__("r10") = words[2];
    register uint64_t r8 __asm__("r8") = words[3];
    register uint64_t r9 __asm__("r9") = (uint64_t)ipc;
    __asm__ volatile("syscall"
                     : "=a"(status), "+S"(words[0]), "+d"(words[1]), "+r"(r10), "+r"(r8)
                     : "0"(number), "D"(handle), "r"(r9)
                     : "rcx", "r11", "memory");
    words[2] = r10;
    words[3] = r8;
    return status;
}

static inline status_t weft_syscall_receive_with(uint64_t number, uint64_t handle,
                                                 uint64_t words[4], uint64_t *badge,
                                                 const void *ipc)
{
    status_t status;
    register uint64_t r10 __asm__("r10") = words[2];
    register uint64_t r8 __asm__("r8") = words[3];
    register uint64_t r9 __asm__("r9") = (uint64_t)ipc;
    __asm__ volatile("syscall"
                     : "=a"(status), "+D"(handle), "+S"(words[0]), "+d"(words[1]), "+r"(r10),
                       "+r"(r8)
                     : "0"(number), "r"(r9)
                     : "rcx", "r11", "memory");
    *badge = handle;
    words[2] = r10;
    words[3] = r8;
    return status;
}

/* A message that goes out, with no answer. */
static inline status_t weft_syscall_reply(uint64_t number, uint64_t handle, const uint64_t words[4],
                                          const void *ipc)
{
    status_t status;
    uint64_t rdx = words[1];
    register uint64_t r10 __asm__("r10") = words[2];
    register uint64_t r8 __asm__("r8") = words[3];
    register uint64_t r9 __asm__("r9") = (uint64_t)ipc;
    __asm__ volatile("syscall"
                     : "=a"(status), "+d"(rdx), "+r"(r10), "+r"(r8)
                     : "0"(number), "D"(handle), "S"(words[0]), "r"(r9)
                     : "rcx", "r11", "memory");
    return status;
}

static inline status_t weft_syscall_any(uint64_t number, uint64_t registers[6])
{
    status_t status;
    register uint64_t r10 __asm__("r10") = registers[3];
    register uint64_t r8 __asm__("r8") = registers[4];
    register uint64_t r9 __asm__("r9") = registers[5];
    __asm__ volatile("syscall"
                     : "=a"(status), "+D"(registers[0]), "+S"(registers[1]), "+d"(registers[2]),
                       "+r"(r10), "+r"(r8), "+r"(r9)
                     : "0"(number)
                     : "rcx", "r11", "memory");
    registers[3] = r10;
    registers[4] = r8;
    registers[5] = r9;
    return status;
}

static inline uint64_t weft_cycles(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

static inline uint64_t weft_timestamp(void)
{
    uint32_t low, high;
    __asm__ volatile("lfence\n\trdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

static inline void weft_pause(void)
{
    __asm__ volatile("pause" : : : "memory");
}

/* Writes what the CPUs' caches hold of these bytes to memory, for a device that does not look into them. */
static inline void weft_cache_clean(const void *bytes, uint64_t length)
{
    uint64_t line = (uint64_t)bytes & ~63ull, end = (uint64_t)bytes + length;
    for (; line < end; line += 64) {
        __asm__ volatile("clflush (%0)" : : "r"(line) : "memory");
    }
    __asm__ volatile("mfence" : : : "memory");
}

/* One asm statement: from the store on, another thread may be running on this stack. */
static _Noreturn inline void weft_thread_finish(uint32_t *flag, uint64_t number, uint64_t status)
{
    __asm__ volatile("movl $1, (%[flag])\n\tsyscall\n\tud2"
                     :
                     : [flag] "r"(flag), "a"(number), "D"(status)
                     : "rcx", "r11", "memory");
    __builtin_unreachable();
}

/* The processor's own number (its first local APIC id), whatever the kernel calls it. */
static inline uint32_t weft_processor_id(void)
{
    uint32_t eax = 1, ebx, ecx = 0, edx;
    __asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
    return ebx >> 24;
}

/* Fills all vector registers with values made of `seed`, makes a system call with one argument, spins
 * until the clock reads `until`, and returns how many of the registers then hold something else. */
uint64_t weft_vector_registers_differ(uint64_t seed, uint64_t number, uint64_t argument,
                                      uint64_t until);
