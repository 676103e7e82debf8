/* SPDX-License-Identifier: Apache-2.0
 *
 * Asking for the time of day; the header is the manual.
 */
#include "weft/rtc.h"
#include "weft/client.h"

status_t weft_rtc_read(uint64_t service, uint64_t *seconds)
{
    struct rtc_request request = {.operation = RTC_READ};
    struct rtc_answer answer = {0};
    struct weft_call call = {
        .service = service, .request = &request, .answer = &answer, .retries = 3};
    status_t status = weft_call(&call);
    *seconds = answer.seconds;
    return status;
}
