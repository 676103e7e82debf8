/* SPDX-License-Identifier: Apache-2.0
 *
 * The text of `weft-trace --help`, and what of it is told to who has used a command wrongly.
 */
#include "usage.h"

#include <string.h>

static const char usage[] =
    "usage: weft-trace capture --ram FILE --kernel ELF [--meta JSON] [--last MS] [--trigger TEXT]\n"
    "                          -o OUT.weft              what the rings hold\n"
    "       weft-trace stream  --ram FILE --kernel ELF [--meta JSON] -o OUT.weft\n"
    "                                                   from a running guest, until input ends\n"
    "       weft-trace watch   --ram FILE --kernel ELF [--meta JSON] [--trigger user:NAME |\n"
    "                          latency:TIME]... [--limit N] -o OUT.weft\n"
    "                                                   OUT.1.weft, ... when a trigger or SIGUSR1\n"
    "                                                   comes, until input ends\n"
    "       weft-trace convert IN.weft -o OUT.pftrace   for ui.perfetto.dev\n"
    "       weft-trace stat    IN.weft [--json]         what CPUs and threads did\n"
    "       weft-trace latency IN.weft [--json] [--slowest N] [--hgrm FOLDER]\n"
    "                                                   where the time of messages went\n"
    "       weft-trace path    IN.weft [--message ID | --thread ID --from NS --to NS] [--json]\n"
    "                                                   what a thread's progress hung on\n"
    "                                                   (the client's of the slowest message)\n"
    "       weft-trace diff    A.weft B.weft [--json]   what changed from A to B\n"
    "       weft-trace clock   IN.weft [--json | -o OUT.weft]   how far the CPUs' clocks are "
    "apart;\n"
    "                                                   with -o, records that in a copy\n"
    "       weft-trace check   IN.weft                  whether it can have happened\n"
    "       weft-trace table   IN.weft --name TABLE -o OUT.npy   rows for NumPy: schedule, "
    "states,\n"
    "                                                   messages, interrupts, slices, marks, "
    "memory\n"
    "       weft-trace ctf     IN.weft -o FOLDER        for babeltrace2 and Trace Compass\n"
    "       weft-trace dump    IN.weft [--json]         every event as a line\n"
    "\n"
    "weft trace has three more: sql asks a capture in SQL, top watches a running guest,\n"
    "mask switches what it records.\n"
    "IN may be - for standard input, OUT - for standard output (not for capture).\n"
    "Exit code: 0 done, 1 check found violations, 2 bad usage or bad input.\n"
    "Example: weft-trace convert out/bench/trace.weft -o trace.pftrace\n";

void usage_print(FILE *file)
{
    fputs(usage, file);
}

bool usage_of_command(const char *command)
{
    size_t length = strlen(command);
    const char *at = usage;

    while ((at = strstr(at, " weft-trace "))) {
        at += strlen(" weft-trace ");
        if (strncmp(at, command, length) == 0 && at[length] == ' ') {
            break;
        }
    }
    if (!at) {
        return false;
    }
    fputs("weft-trace: usage: weft-trace ", stderr);
    for (; *at && strncmp(at, "\n       weft", 12) != 0 && strncmp(at, "\n\n", 2) != 0; at++) {
        if (*at != '\n' && (*at != ' ' || at[1] != ' ')) {
            fputc(*at, stderr);
        }
    }
    fputc('\n', stderr);
    return true;
}
