/* SPDX-License-Identifier: Apache-2.0
 *
 * The driver of the machine's clock, as a service. The test holds the clock's ports as well, to set it (and is the
 * only one who does, while nobody asks).
 *
 * weft-test: cpus=4
 * weft-test: cpus=1,4 accel=icount
 */
#include "weft/ktap.h"
#include "weft/rtc.h"
#include "weft/startup.h"
#include "weft/supervisor.h"
#include "weft/syscalls.h"
#include "weft/time.h"

#define START_OF_2026 1767225600ull
#define B_BINARY 0x04u
#define B_24_HOURS 0x02u
#define B_SET 0x80u /* the clock stands while it is set */

static uint64_t now(void)
{
    uint64_t seconds = 0;
    EXPECT_STATUS(STATUS_OK, weft_rtc_read(weft_capability("rtc"), &seconds));
    return seconds;
}

static void set_register(uint64_t number, uint64_t value)
{
    uint64_t ports = weft_capability("ports");
    EXPECT_STATUS(STATUS_OK, weft_port_write(ports, 0x70, 1, number));
    EXPECT_STATUS(STATUS_OK, weft_port_write(ports, 0x71, 1, value));
}

TEST(the_clock_tells_the_time, "a time of our days, which passes as the other clock says")
{
    uint64_t hz = weft_startup()->clock_hz;
    uint64_t asked = weft_cycles(), first = now(), told = weft_cycles();
    EXPECT(first >= START_OF_2026 && first < START_OF_2026 + 50ull * 365 * 86400);
    weft_sleep_for(2000000);
    /* Either answer is of a moment between its question and its arrival, and says whole seconds only. */
    uint64_t asked_again = weft_cycles(), passed = now() - first, told_again = weft_cycles();
    EXPECT(passed + 1 >= (asked_again - told) / hz);
    EXPECT(passed <= (told_again - asked) / hz + 1);
}

TEST(it_is_read_in_all_its_ways,
     "decimal and binary, 12 hours and 24, leap days; nonsense is no time")
{
    static const struct {
        uint8_t mode, year, month, day, hour, minute, second;
        uint64_t seconds;
    } cases[] = {
        {B_24_HOURS, 0x26, 0x01, 0x01, 0x00, 0x00, 0x00, START_OF_2026},
        {B_24_HOURS, 0x24, 0x02, 0x29, 0x23, 0x59, 0x10, 1709251150},
        {B_24_HOURS, 0x00, 0x03, 0x01, 0x12, 0x00, 0x00, 951912000},
        {B_24_HOURS | B_BINARY, 38, 1, 19, 3, 14, 7, 2147483647},
        {B_24_HOURS | B_BINARY, 99, 12, 31, 23, 59, 30, 4102444770},
        {0, 0x26, 0x01, 0x01, 0x12, 0x30, 0x00, START_OF_2026 + 1800},       /* 12:30 am */
        {0, 0x26, 0x01, 0x01, 0x92, 0x30, 0x00, START_OF_2026 + 45000},      /* 12:30 pm */
        {B_BINARY, 26, 1, 1, 0x80 | 11, 0, 0, START_OF_2026 + 23 * 3600ull}, /* 11 pm */
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        set_register(11, cases[i].mode | B_SET);
        set_register(9, cases[i].year);
        set_register(8, cases[i].month);
        set_register(7, cases[i].day);
        set_register(4, cases[i].hour);
        set_register(2, cases[i].minute);
        set_register(0, cases[i].second);
        uint64_t told = now();
        if (!EXPECT(told >= cases[i].seconds && told <= cases[i].seconds + 1)) {
            ktap_note("case %u: %lu", i, told);
        }
        set_register(11, cases[i].mode);
    }
    uint64_t seconds;
    set_register(11, B_24_HOURS | B_SET);
    set_register(8, 0x13); /* a thirteenth month */
    EXPECT_STATUS(STATUS_CANCELLED, weft_rtc_read(weft_capability("rtc"), &seconds));
    set_register(8, 0x12);
    set_register(11, B_24_HOURS);
}

TEST(a_killed_clock_comes_back, "and tells the same time; what it does not know it refuses")
{
    struct rtc_request unknown = {.operation = 99};
    struct weft_message message = {{unknown.operation}};
    for (unsigned i = 0; i < 5; i++) {
        uint64_t before = now();
        REQUIRE_STATUS(STATUS_OK, weft_supervisor_kill("rtc"));
        uint64_t after = now();
        EXPECT(after >= before && after <= before + 600); /* its start takes what the host takes */
    }
    EXPECT_STATUS(STATUS_OK, weft_ipc_call(weft_capability("rtc"), &message));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, (status_t)message.words[0]);
}

KTAP_MAIN
