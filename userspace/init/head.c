/* SPDX-License-Identifier: Apache-2.0
 *
 * The first bytes of init's file, from which the kernel knows how to load it: see
 * struct weft_first_program. The linker script puts them in front of everything else and defines where
 * the parts of the program begin.
 */
#include <stdint.h>

#include "weft/abi.h"

extern char program_start[], program_text[], program_data[], program_file_end[], program_end[];
void _start(void);

__attribute__((section(".head"), used)) static const struct weft_first_program head = {
    .magic = WEFT_FIRST_MAGIC,
    .entry = (uint64_t)_start,
    .parts = {(uint64_t)program_start, (uint64_t)program_text, (uint64_t)program_data,
              (uint64_t)program_end},
    .file_end = (uint64_t)program_file_end,
};
