/* SPDX-License-Identifier: Apache-2.0
 *
 * The portable parts of user space, compiled as they are into a program of the host. The library's
 * own memory and string functions get the prefix weft_, so that both sorts are there.
 */
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define memcpy weft_memcpy
#define memmove weft_memmove
#define memset weft_memset
#define memcmp weft_memcmp
#define strlen weft_strlen
#define strnlen weft_strnlen
#define strcmp weft_strcmp
#define strncmp weft_strncmp
#undef strchr
#define strchr weft_strchr
#include "userspace/lib/string.c"
#include "userspace/lib/format.c"
#include "userspace/lib/archive.c"
#include "userspace/lib/elf.c"
#include "userspace/init/manifest.c"
#include "userspace/init/manifest_service.c"
#include "userspace/init/manifest_words.c"
#include "bench/guest/distribution.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr
