/* SPDX-License-Identifier: Apache-2.0
 *
 * A program that never ends by itself: for trying `run`, ^C, `kill` and `ps` in the shell (docs/shell.md). Words
 * that it was given are shown.
 */
#include "weft/print.h"
#include "weft/startup.h"
#include "weft/syscalls.h"

int main(void)
{
    const char *words = weft_startup()->arguments;
    weft_print("spin: until I am killed%s%s\n", words[0] != '\0' ? ", " : "", words);
    for (;;) {
        weft_pause();
    }
}
