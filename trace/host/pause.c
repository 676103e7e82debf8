/* SPDX-License-Identifier: Apache-2.0
 *
 * Waiting while a guest runs; pause.h is the manual.
 */
#include "pause.h"

#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

static volatile sig_atomic_t interrupted, signalled;

static void note_signal(int signal)
{
    *(signal == SIGUSR1 ? &signalled : &interrupted) = 1;
}

void pause_begin(void)
{
    struct sigaction action = {.sa_handler = note_signal};

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
}

bool pause_for(int milliseconds)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    char byte;

    if (interrupted) {
        return false;
    }
    if (poll(&input, 1, milliseconds) > 0) {
        return read(STDIN_FILENO, &byte, 1) > 0; /* what is written there means nothing */
    }
    return !interrupted;
}

bool pause_signalled(void)
{
    bool came = signalled;

    signalled = 0;
    return came;
}
