/* SPDX-License-Identifier: Apache-2.0
 *
 * Driver of a PC's clock (MC146818 and everything that followed it), and server of its time (weft/rtc.h).
 *
 * It is given
 *
 *     ports      range 0x70-0x71: the number of a register, and what is in it
 *     rtc        its endpoint, by `provide rtc`
 *
 * The clock moves on while it is read. For so long it says that it does (UPDATING), but may begin between two
 * reads; so everything is read until it has been the same twice. Years are of this century: the register for
 * the century is at another place in each machine.
 */
#include "weft/rtc.h"
#include "weft/startup.h"
#include "weft/string.h"
#include "weft/time.h"

#define PORT_NUMBER 0x70
#define PORT_VALUE 0x71
#define CENTURY 2000u
#define ATTEMPTS 1000u
#define RETRY_TIME 300u /* microseconds: an update takes some 2 ms */
#define SECONDS_OF_A_DAY 86400ull
#define DAYS_TO_2000 10957ull /* from 1970-01-01 */

enum clock_register {
    REGISTER_SECOND = 0,
    REGISTER_MINUTE = 2,
    REGISTER_HOUR = 4,
    REGISTER_DAY = 7,
    REGISTER_MONTH = 8,
    REGISTER_YEAR = 9,
    REGISTER_A = 10,
    REGISTER_B = 11,
};
#define A_UPDATING 0x80u
#define B_BINARY 0x04u
#define B_24_HOURS 0x02u
#define HOUR_PM 0x80u

struct reading {
    uint8_t second, minute, hour, day, month, year;
};

static uint64_t ports;

static uint8_t read_register(enum clock_register number)
{
    uint64_t value;
    if (weft_port_write(ports, PORT_NUMBER, 1, number) != STATUS_OK ||
        weft_port_read(ports, PORT_VALUE, 1, &value) != STATUS_OK) {
        weft_fail("the clock's ports cannot be used: is ports range=0x70-0x71 given?");
    }
    return (uint8_t)value;
}

static struct reading read_once(void)
{
    return (struct reading){
        .second = read_register(REGISTER_SECOND),
        .minute = read_register(REGISTER_MINUTE),
        .hour = read_register(REGISTER_HOUR),
        .day = read_register(REGISTER_DAY),
        .month = read_register(REGISTER_MONTH),
        .year = read_register(REGISTER_YEAR),
    };
}

/* False: the clock has not stood still for long enough to be read. */
static _Bool read_twice(struct reading *out)
{
    for (uint32_t attempt = 0; attempt < ATTEMPTS; attempt++) {
        if ((read_register(REGISTER_A) & A_UPDATING) == 0) {
            *out = read_once();
            struct reading again = read_once();
            if (memcmp(out, &again, sizeof(again)) == 0) {
                return 1;
            }
        }
        weft_sleep_for(RETRY_TIME);
    }
    return 0;
}

static uint8_t from_decimal(uint8_t value)
{
    return (uint8_t)((value >> 4) * 10 + (value & 0xf));
}

/* Plain numbers, and hours from 0 to 23. */
static void normalise(struct reading *reading, uint8_t mode)
{
    _Bool afternoon = (mode & B_24_HOURS) == 0 && (reading->hour & HOUR_PM) != 0;
    if ((mode & B_24_HOURS) == 0) {
        reading->hour &= (uint8_t)~HOUR_PM;
    }
    if ((mode & B_BINARY) == 0) {
        uint8_t *fields = (uint8_t *)reading;
        for (size_t i = 0; i < sizeof(*reading); i++) {
            fields[i] = from_decimal(fields[i]);
        }
    }
    if ((mode & B_24_HOURS) == 0) {
        reading->hour = (uint8_t)(reading->hour % 12 + (afternoon ? 12 : 0));
    }
}

static _Bool leap(uint32_t year)
{
    return year % 4 == 0; /* from 2000 to 2099 */
}

/* False: there is no such day or time. */
static _Bool to_seconds(const struct reading *reading, uint64_t *out)
{
    static const uint8_t lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    uint32_t year = CENTURY + reading->year;
    uint64_t days = DAYS_TO_2000;

    if (reading->year > 99 || reading->month < 1 || reading->month > 12 || reading->day < 1 ||
        reading->day > lengths[reading->month - 1] + (reading->month == 2 && leap(year)) ||
        reading->hour > 23 || reading->minute > 59 || reading->second > 59) {
        return 0;
    }
    for (uint32_t before = CENTURY; before < year; before++) {
        days += leap(before) ? 366 : 365;
    }
    for (uint32_t month = 1; month < reading->month; month++) {
        days += lengths[month - 1] + (month == 2 && leap(year));
    }
    days += reading->day - 1u;
    *out =
        days * SECONDS_OF_A_DAY + (reading->hour * 60ull + reading->minute) * 60 + reading->second;
    return 1;
}

static status_t tell(uint64_t *seconds)
{
    struct reading reading;
    if (!read_twice(&reading)) {
        return STATUS_CANCELLED;
    }
    normalise(&reading, read_register(REGISTER_B));
    return to_seconds(&reading, seconds) ? STATUS_OK : STATUS_CANCELLED;
}

int main(void)
{
    static struct weft_service service;
    ports = weft_capability("ports");
    weft_service_open(&service, "rtc");
    for (;;) {
        weft_service_next(&service);
        struct rtc_answer *answer = weft_answer(&service, struct rtc_answer);
        answer->status =
            service.operation == RTC_READ ? tell(&answer->seconds) : STATUS_BAD_ARGUMENT;
    }
}
