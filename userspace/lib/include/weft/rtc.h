/* SPDX-License-Identifier: Apache-2.0
 *
 * What time it is outside: the machine's battery-backed clock, by its driver (userspace/drivers/rtc). For the time
 * that passes, weft/time.h is finer, cheaper and never set back.
 *
 *     uint64_t seconds;
 *     status_t status = weft_rtc_read(weft_capability("rtc"), &seconds);
 *
 * Asking again is safe, and done here when the driver dies with the question.
 */
#pragma once

#include "weft/service.h"

enum rtc_operation { RTC_READ = 1 };

struct rtc_request {
    uint64_t operation;
    uint64_t unused[3];
};
WEFT_REQUEST(struct rtc_request);

struct rtc_answer {
    status_t
        status; /* bad_argument: no such operation; cancelled: the clock says nothing that is a time */
    uint64_t seconds; /* since 1970-01-01 00:00:00 UTC, if the clock is set to that zone */
    uint64_t unused[2];
};
WEFT_ANSWER(struct rtc_answer);

status_t weft_rtc_read(uint64_t service, uint64_t *seconds);
