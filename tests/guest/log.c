/* SPDX-License-Identifier: Apache-2.0
 *
 * Log lines; what they look like is checked by test_log.py.
 *
 * weft-test: cpus=1
 */
#include "weft/ktap.h"
#include "weft/log.h"

TEST(levels_are_told_apart, "info and what is worse is printed, debug only if it is asked for")
{
    EXPECT(weft_log_wants(WEFT_LOG_ERROR) && weft_log_wants(WEFT_LOG_INFO));
    EXPECT(!weft_log_wants(WEFT_LOG_DEBUG));
}

TEST(lines_come_out_whole, "each call makes one line, cut where it is too long for the console")
{
    static char text[2 * CONSOLE_LINE_MAX];
    for (unsigned i = 0; i + 1 < sizeof(text); i++) {
        text[i] = 'x';
    }
    weft_log(WEFT_LOG_ERROR, "one %d", 1);
    weft_log(WEFT_LOG_WARNING, "two");
    weft_log(WEFT_LOG_INFO, "three");
    weft_log(WEFT_LOG_DEBUG, "four");
    weft_log(WEFT_LOG_INFO, "long %s", text);
}

KTAP_MAIN
