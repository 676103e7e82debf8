/* SPDX-License-Identifier: Apache-2.0
 *
 * /init of the Linux baseline: mounts what the questions need, brings the CPUs online, asks one
 * question after the other, and ends the machine by QEMU's exit device with 0x10 + status, as Weft
 * does.
 *
 * Words of the kernel's command line that are for it: weft.cpus=N (default 1), weft.samples=N
 * (2000), weft.warmup=N (200), weft.only=NAME,NAME (all).
 */
#include "lab.h"

#include <cpuid.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define SYSLOG_ACTION_READ_ALL 3
#define CPUID_MONITOR (1u << 3) /* leaf 1, ecx: MONITOR and MWAIT are there */
#define EXIT_PORT 0xf4
#define EXIT_BASE 0x10

struct options options = {.cpus = 1, .samples = 2000, .warmup = 200};
struct shared *shared;

static _Noreturn void machine_end(unsigned status)
{
    fflush(stdout);
    (void)tcdrain(STDOUT_FILENO);
    if (ioperm(EXIT_PORT, 4, 1) == 0) {
        outl(EXIT_BASE + status, EXIT_PORT);
    }
    for (;;) {
        pause();
    }
}

_Noreturn void fail(const char *what)
{
    printf("linux baseline: %s: %s\n", what, errno != 0 ? strerror(errno) : "failed");
    fflush(stdout);
    if (getpid() != 1) {
        _exit(1);
    }
    machine_end(1);
}

long must(long result, const char *what)
{
    if (result < 0) {
        fail(what);
    }
    return result;
}

static void mount_one(const char *type, const char *where)
{
    (void)mkdir(where, 0755);
    if (mount(type, where, type, 0, NULL) != 0 && errno != EBUSY) {
        fail(where);
    }
}

/* The kernel finds no /dev/console in the image, so nothing is open yet. */
static void open_console(void)
{
    struct termios settings;
    int console = open("/dev/ttyS0", O_RDWR | O_NOCTTY);
    for (int descriptor = 0; descriptor <= 2; descriptor++) {
        (void)dup2(console, descriptor);
    }
    if (tcgetattr(STDOUT_FILENO, &settings) == 0) {
        settings.c_lflag &= ~(tcflag_t)ECHO;
        (void)tcsetattr(STDOUT_FILENO, TCSANOW, &settings);
    }
    setvbuf(stdout, NULL, _IOFBF, 1 << 16);
}

static void read_file(const char *path, char *text, size_t size)
{
    int file = open(path, O_RDONLY);
    ssize_t length = file < 0 ? 0 : read(file, text, size - 1);
    text[length > 0 ? length : 0] = '\0';
    text[strcspn(text, "\n")] = '\0';
    if (file >= 0) {
        (void)close(file);
    }
}

static void read_options(void)
{
    static char line[4096];
    read_file("/proc/cmdline", line, sizeof(line));
    for (char *word = strtok(line, " "); word != NULL; word = strtok(NULL, " ")) {
        if (strncmp(word, "weft.cpus=", 10) == 0) {
            options.cpus = (unsigned)strtoul(word + 10, NULL, 10);
        } else if (strncmp(word, "weft.samples=", 13) == 0) {
            options.samples = strtoull(word + 13, NULL, 10);
        } else if (strncmp(word, "weft.warmup=", 12) == 0) {
            options.warmup = strtoull(word + 12, NULL, 10);
        } else if (strncmp(word, "weft.only=", 10) == 0) {
            (void)snprintf(options.only, sizeof(options.only), "%s", word + 10);
        }
    }
    if (options.samples < 1 || options.samples + options.warmup > SAMPLES_MAX) {
        fail("weft.samples and weft.warmup together");
    }
}

static uint64_t now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC_RAW, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Ticks of the time stamp counter per second, as Linux's own clock counts seconds. */
static uint64_t measure_clock(void)
{
    uint64_t start = now_ns();
    uint64_t first = timestamp();
    while (now_ns() - start < 50000000) {
    }
    uint64_t last = timestamp();
    return (uint64_t)((double)(last - first) * 1e9 / (double)(now_ns() - start) + 0.5);
}

static uint64_t measure_timestamp(void)
{
    uint64_t smallest = ~0ull;
    for (unsigned i = 0; i < 1000; i++) {
        uint64_t before = timestamp();
        uint64_t cost = timestamp() - before;
        smallest = cost < smallest ? cost : smallest;
    }
    return smallest;
}

/* What is done about each flaw of processors that this kernel knows: `,"mitigations":{"meltdown":...}`. */
static void report_mitigations(void)
{
    static const char folder[] = "/sys/devices/system/cpu/vulnerabilities";
    const char *separator = "";
    DIR *entries = opendir(folder);
    printf(",\"mitigations\":{");
    for (struct dirent *entry; entries != NULL && (entry = readdir(entries)) != NULL;) {
        char path[sizeof(folder) + sizeof(entry->d_name)], text[256];
        if (entry->d_name[0] != '.') {
            (void)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
            read_file(path, text, sizeof(text));
            printf("%s\"%s\":\"%s\"", separator, entry->d_name, text);
            separator = ",";
        }
    }
    if (entries != NULL) {
        (void)closedir(entries);
    }
    printf("}");
}

/* How an idle CPU waits, by what the kernel said when it chose. */
static const char *idle_routine(void)
{
    static char log[1 << 18];
    int length = klogctl(SYSLOG_ACTION_READ_ALL, log, sizeof(log) - 1);
    log[length > 0 ? length : 0] = '\0';
    if (strstr(log, "using polling idle threads") != NULL) {
        return "poll";
    }
    return strstr(log, "using mwait in idle threads") != NULL ? "mwait" : "hlt";
}

/* The facts about this system that a figure needs beside it. */
static void report_system(void)
{
    struct utsname name;
    char clock[64], idle[64], governor[64];
    unsigned eax, ebx, ecx = 0, edx;
    must(uname(&name), "uname");
    read_file("/sys/devices/system/clocksource/clocksource0/current_clocksource", clock,
              sizeof(clock));
    read_file("/sys/devices/system/cpu/cpuidle/current_driver", idle, sizeof(idle));
    read_file("/sys/devices/system/cpu/cpuidle/current_governor", governor, sizeof(governor));
    (void)__get_cpuid(1, &eax, &ebx, &ecx, &edx);
    options.clock_hz = measure_clock();
    printf("@weft {\"record\":\"guest\",\"system\":\"Linux %s\",\"clock_hz\":%lu,\"cpus\":%u,"
           "\"clock\":\"%s\",\"idle_driver\":\"%s\",\"idle_governor\":\"%s\",\"idle\":\"%s\","
           "\"mwait\":%s",
           name.release, options.clock_hz, options.cpus, clock, idle, governor, idle_routine(),
           (ecx & CPUID_MONITOR) != 0 ? "true" : "false");
    report_mitigations();
    printf("}\n");
}

int main(void)
{
    mount_one("devtmpfs", "/dev");
    open_console();
    mount_one("proc", "/proc");
    mount_one("sysfs", "/sys");
    read_options();
    (void)prctl(PR_SET_TIMERSLACK, 1);
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (shared == MAP_FAILED) {
        fail("shared memory");
    }
    cpus_online(options.cpus);
    run_on(0);
    report_system();
    options.timestamp_cost = measure_timestamp();
    ask_system_calls();
    ask_round_trips();
    ask_wake_up();
    ask_timer();
    ask_migration();
    ask_creation();
    ask_memory();
    ask_tracing();
    ask_disk(); /* these last: their filler never ends */
    ask_files();
    ask_network();
    machine_end(0);
}
