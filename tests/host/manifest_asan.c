/* SPDX-License-Identifier: Apache-2.0
 *
 * The manifest's reader on the host, compiled as it is under AddressSanitizer: what good manifests mean,
 * and in which line bad ones are refused.
 *
 * manifest_asan: 0 when everything holds, else 1 and a line for each thing that does not.
 */
#include "tests/host/check.h"
#include "tests/host/user_library.h"

static const char *read_text(const char *text, struct manifest *manifest, unsigned *line)
{
    return manifest_read((const uint8_t *)text, strlen(text), "a=1 b", 4, manifest, line);
}

static void test_manifest_good(struct manifest *manifest)
{
    static const char text[] = "# comment\n"
                               "endpoint door cpu=6\n"
                               "\tmemory area pages=0x10\n"
                               "\n"
                               "process one program=first cpu=1 priority=5 pages=99 wait\n"
                               "  arguments x {arguments} y\n"
                               "  give door rights=rm badge=0x7 as=gate\n"
                               "  give console\n"
                               "include second\n"
                               "process two program=second home=5 cpus=1-9\n"
                               "  give ports range=0x60-0x6f rights=rc\n"
                               "  give interrupts range=4\n"
                               "process three program=third cpus=8-9";
    unsigned line;
    CHECK(read_text(text, manifest, &line) == NULL);
    CHECK(manifest->process_count == 3);
    const struct manifest_process *one = &manifest->processes[0];
    CHECK(strcmp(one->name, "one") == 0 && strcmp(one->program, "first") == 0);
    CHECK(one->cpu == 1 && one->priority == 5 && one->pages == 99 && one->wait);
    CHECK(strcmp(one->arguments, "x a=1 b y") == 0);
    CHECK(one->grant_count == 2 && strcmp(one->grants[0].name, "gate") == 0);
    CHECK(one->grants[0].rights == (RIGHT_READ | RIGHT_MANAGE) && one->grants[0].badge == 7);
    CHECK(one->grants[1].rights == (RIGHT_WRITE | RIGHT_COPY));
    const struct manifest_object *door = &manifest->objects[one->grants[0].object];
    CHECK(door->kind == KIND_ENDPOINT && door->cpu == 2); /* 6 modulo 4 CPUs */
    const struct manifest_process *two = &manifest->processes[1];
    CHECK(!two->wait && two->priority == WEFT_PRIORITY_DEFAULT && two->arguments[0] == '\0');
    CHECK(one->home == 0 && two->home == 1);
    CHECK(one->cpus == 0 && two->cpus == (1 | 3ull << 32)); /* as far as there are CPUs */
    CHECK(manifest->processes[2].cpus == (3 | 1ull << 32));
    CHECK(two->grant_count == 2 && two->grants[0].badge == (0x60 | 16ull << 32));
    CHECK(two->grants[0].rights == (RIGHT_READ | RIGHT_COPY));
    CHECK(two->grants[1].badge == (4 | 1ull << 32));
    CHECK(manifest->objects[two->grants[1].object].kind == KIND_INTERRUPTS);
}

static void test_manifest_services(struct manifest *manifest)
{
    static const char text[] =
        "process shell program=sh needs=kv,log wait\n"
        "  use kv\n"
        "  use supervisor\n"
        "  complain\n"
        "service kv program=kv cpu=2 restart=failure backoff=0..50 opened\n"
        "  provide kv\n"
        "  state 5000\n"
        "  vault 64\n"
        "  use log badge=9 as=out\n"
        "service log program=log give_up=3/10 heartbeat=250 budget=100/5000\n"
        "  provide log\n"
        "  provide log.raw\n"
        "service lazy program=kv restart=never needs=shelf\n"
        "service shelf program=kv needs=log\n"
        "process tool program=t manual\n"
        "  use supervisor badge=7 only=list\n";
    unsigned line;
    CHECK(read_text(text, manifest, &line) == NULL);
    CHECK(manifest->process_count == 6 && manifest->supervised);
    const struct manifest_process *shell = &manifest->processes[0], *kv = &manifest->processes[1];
    const struct manifest_process *log = &manifest->processes[2];
    CHECK(!shell->is_service && shell->needs == 6 && shell->wait);
    CHECK(manifest->objects[shell->grants[0].object].cpu == 2 && shell->grants[0].badge == 1);
    CHECK(shell->grants[0].rights == RIGHT_WRITE && strcmp(shell->grants[0].name, "kv") == 0);
    CHECK(manifest->objects[shell->grants[1].object].kind == KIND_SUPERVISOR);
    CHECK(manifest->objects[shell->grants[2].object].kind == KIND_SUPERVISOR);
    CHECK(shell->grants[2].badge == (MANIFEST_COMPLAIN | 0));
    CHECK(kv->service.opened && !log->service.opened);
    CHECK(kv->is_service && kv->service.restart == RESTART_FAILURE && kv->service.state == 5000);
    CHECK(kv->service.vault == 64 && log->service.vault == 0);
    CHECK(kv->service.backoff_first == 0 && kv->service.backoff_most == 50);
    CHECK(kv->service.give_up_count == 0 && kv->service.heartbeat == 0 && kv->needs == 0);
    CHECK(kv->grant_count == 2 && kv->grants[0].rights == RIGHT_READ);
    CHECK(kv->grants[0].object == shell->grants[0].object);
    CHECK(kv->grants[1].badge == 9 && strcmp(kv->grants[1].name, "out") == 0);
    CHECK(log->service.restart == RESTART_ALWAYS && log->service.heartbeat == 250);
    CHECK(log->service.give_up_count == 3 && log->service.give_up_seconds == 10);
    CHECK(log->budget == 100 && log->period == 5000);
    CHECK(!shell->is_manual && manifest->processes[5].is_manual);
    CHECK(manifest->processes[5].grants[0].badge == (7 | WEFT_SUPERVISOR_ONLY_LIST));
    CHECK(manifest->processes[3].needs == 16 && manifest->processes[4].needs == 4);
    CHECK(read_text("process a program=x\n", manifest, &line) == NULL && !manifest->supervised);
}

struct wrong {
    const char *text;
    unsigned line;
};

static void check_wrong(struct manifest *manifest, const struct wrong *wrong, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        unsigned line = 99;
        if (read_text(wrong[i].text, manifest, &line) == NULL || line != wrong[i].line) {
            failures++;
            printf("manifest: line %u, not %u: %s\n", line, wrong[i].line, wrong[i].text);
        }
    }
}

static void test_manifest_bad_services(struct manifest *manifest)
{
    static const struct wrong wrong[] = {
        {"service a\n", 1},
        {"service a program=x wait\n", 1},
        {"service a program=x manual\n", 1},
        {"process a program=x manual wait\n", 1},
        {"service s program=x\nprocess a program=x needs=s manual\n", 2},
        {"process a program=x manual=\n", 1},
        {"process a program=x\nuse supervisor only=\n", 2},
        {"process a program=x\nuse supervisor only=kill\n", 2},
        {"process a program=x\nuse supervisor only\n", 2},
        {"service s program=x\nprovide s\nprocess a program=x\nuse s only=list\n", 4},
        {"service a program=x restart=\n", 1},
        {"service a program=x restart=often\n", 1},
        {"service a program=x backoff=5\n", 1},
        {"service a program=x backoff\n", 1},
        {"service a program=x backoff=5..4\n", 1},
        {"service a program=x backoff=..4\n", 1},
        {"service a program=x backoff=1..9999999\n", 1},
        {"service a program=x give_up=5\n", 1},
        {"service a program=x give_up=0/5\n", 1},
        {"service a program=x give_up=5/0\n", 1},
        {"service a program=x give_up=33/5\n", 1},
        {"service a program=x heartbeat=0\n", 1},
        {"service a program=x heartbeat=\n", 1},
        {"service a program=x budget=100\n", 1},
        {"service a program=x budget=19/1000\n", 1},
        {"service a program=x budget=101/100\n", 1},
        {"service a program=x budget=50/100 home=1\n", 1},
        {"service a program=x needs=\n", 1},
        {"service a program=x colour=red\n", 1},
        {"process a program=x heartbeat=5\n", 1},
        {"service a program=x\n\nservice a program=y\n", 3},
        {"process a program=x\nservice b program=x needs=a\n", 2},
        {"service b program=x needs=c\nprocess a program=x\n", 1},
        {"service a program=x\nservice b program=x needs=a,\n", 2},
        {"service a program=x\nservice b program=x needs=,a\n", 2},
        {"service a program=x needs=a\n", 1},
        {"process p program=x needs=a\nservice a program=x needs=c\nservice b program=x needs=a\n"
         "service c program=x needs=b\n",
         2},
    };
    check_wrong(manifest, wrong, sizeof(wrong) / sizeof(wrong[0]));
}

static void test_manifest_bad_lines_of_services(struct manifest *manifest)
{
    static const struct wrong wrong[] = {
        {"provide door\n", 1},
        {"use door\n", 1},
        {"state 5\n", 1},
        {"vault 5\n", 1},
        {"complain\n", 1},
        {"process a program=x\ncomplain of\n", 2},
        {"process a program=x opened\n", 1},
        {"service a program=x opened=1\n", 1},
        {"process a program=x\nvault 5\n", 2},
        {"service a program=x\nvault\n", 2},
        {"service a program=x\nvault 0\n", 2},
        {"service a program=x\nvault 5 6\n", 2},
        {"service a program=x\nvault 5\nvault 6\n", 3},
        {"service a program=x\nvault 99999999999\n", 2},
        {"process a program=x\nprovide door\n", 2},
        {"process a program=x\nstate 5\n", 2},
        {"service a program=x\nprovide\n", 2},
        {"service a program=x\nprovide door cpu=1\n", 2},
        {"service a program=x\nprovide console\n", 2},
        {"service a program=x\nprovide door\nservice b program=x\nprovide door\n", 4},
        {"service a program=x\nstate\n", 2},
        {"service a program=x\nstate 0\n", 2},
        {"service a program=x\nstate 5 6\n", 2},
        {"service a program=x\nstate 5\nstate 6\n", 3},
        {"service a program=x\nstate 99999999999\n", 2},
        {"process a program=x\nuse\n", 2},
        {"process a program=x\nuse nothing\nprocess b program=x\n", 2},
        {"process a program=x\nuse console\n", 2},
        {"process a program=x\nuse door badge=4294967296\nservice b program=x\nprovide door\n", 2},
        {"process a program=x\nuse door rights=r\n", 2},
        {"process a program=x\ngive supervisor\n", 2},
    };
    check_wrong(manifest, wrong, sizeof(wrong) / sizeof(wrong[0]));
}

static void test_manifest_bad(struct manifest *manifest)
{
    static const struct wrong wrong[] = {
        {"", 0},
        {"# nothing\n", 1},
        {"process\n", 1},
        {"process a\n", 1},
        {"process a program=\n", 1},
        {"process seventeen-letters program=x\n", 1},
        {"process a program=a-name-that-is-much-too-long-for-it\n", 1},
        {"process a program=x wait=\n", 1},
        {"process a program=x cpu=\n", 1},
        {"process a program=x cpu=one\n", 1},
        {"process a program=x priority=63\n", 1},
        {"process a program=x pages=4294967296\n", 1},
        {"process a program=x colour=red\n", 1},
        {"process a program=x cpus=\n", 1},
        {"process a program=x cpus=2-1\n", 1},
        {"process a program=x cpus=1-\n", 1},
        {"process a program=x cpus=0-4294967295\n", 1},
        {"process a program=x\ngive console range=1-2\n", 2},
        {"process a program=x\ngive ports range\n", 2},
        {"process a program=x\ngive ports range=-\n", 2},
        {"give console\n", 1},
        {"arguments x\n", 1},
        {"\nprocess a program=x\ngive nothing\n", 3},
        {"process a program=x\ngive console rights=q\n", 2},
        {"process a program=x\ngive console badge=x\n", 2},
        {"process a program=x\ngive\n", 2},
        {"endpoint\n", 1},
        {"endpoint a\nendpoint a\n", 2},
        {"endpoint console\n", 1},
        {"endpoint a pages=1\n", 1},
        {"memory a\n", 1},
        {"memory a cpu=1\n", 1},
        {"include\n", 1},
        {"nonsense\n", 1},
    };
    check_wrong(manifest, wrong, sizeof(wrong) / sizeof(wrong[0]));
}

int main(void)
{
    static struct manifest manifest;
    test_manifest_good(&manifest);
    test_manifest_services(&manifest);
    test_manifest_bad(&manifest);
    test_manifest_bad_services(&manifest);
    test_manifest_bad_lines_of_services(&manifest);
    printf("%u failures\n", failures);
    return failures != 0;
}
