/* SPDX-License-Identifier: Apache-2.0
 *
 * What a manifest says of services, see manifest_service.h; the format stands at the top of init.c.
 */
#include "manifest_service.h"

#include "weft/abi.h"
#include "weft/layout.h"
#include "weft/string.h"
#include "weft/supervisor.h"

#define MILLISECONDS_MAX 3600000u
#define SECONDS_MAX 86400u
#define MICROSECONDS_MAX 10000000u
#define VAULT_PAGES_MAX 65536u
#define BUDGET_LEAST 20u /* microseconds: thread_schedule takes no less */

const struct manifest_service manifest_service_default = {
    .restart = RESTART_ALWAYS, .backoff_first = 1, .backoff_most = 100};

static const char *read_restart(const char *text, enum manifest_restart *out)
{
    static const char *const names[] = {"always", "failure", "never"};
    for (unsigned i = 0; text != NULL && i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = (enum manifest_restart)i;
            return NULL;
        }
    }
    return "restart is always, failure or never";
}

static const char *read_backoff(char *text, struct manifest_service *service)
{
    const char *problem =
        read_pair(text, "..", MILLISECONDS_MAX, &service->backoff_first, &service->backoff_most);
    if (problem == NULL && service->backoff_most < service->backoff_first) {
        problem = "a back-off ends before it begins";
    }
    return problem;
}

static const char *read_give_up(char *text, struct manifest_service *service)
{
    const char *problem =
        read_pair(text, "/", SECONDS_MAX, &service->give_up_count, &service->give_up_seconds);
    if (problem == NULL && service->give_up_count > MANIFEST_FAILURES_MAX) {
        problem = "a service is given up after 32 failures at most";
    }
    if (problem == NULL && (service->give_up_count == 0 || service->give_up_seconds == 0)) {
        problem = "give_up is FAILURES/SECONDS, both at least 1";
    }
    return problem;
}

static const char *read_budget(char *text, struct manifest_process *process)
{
    const char *problem =
        read_pair(text, "/", MICROSECONDS_MAX, &process->budget, &process->period);
    if (problem == NULL && (process->budget < BUDGET_LEAST || process->period < process->budget)) {
        problem = "a budget is at least 20 microseconds, and not longer than its period";
    }
    return problem;
}

const char *manifest_service_word(struct manifest_process *process, const char *key, char *value)
{
    if (strcmp(key, "restart") == 0) {
        return read_restart(value, &process->service.restart);
    }
    if (strcmp(key, "backoff") == 0) {
        return read_backoff(value, &process->service);
    }
    if (strcmp(key, "give_up") == 0) {
        return read_give_up(value, &process->service);
    }
    if (strcmp(key, "heartbeat") == 0) {
        const char *problem = read_number32(value, MILLISECONDS_MAX, &process->service.heartbeat);
        return problem == NULL && process->service.heartbeat == 0 ? "a heartbeat of 0 is none"
                                                                  : problem;
    }
    if (strcmp(key, "opened") == 0 && value == NULL) {
        process->service.opened = 1;
        return NULL;
    }
    return strcmp(key, "budget") == 0 ? read_budget(value, process) : "a word is not understood";
}

const char *manifest_needs(struct manifest_process *process, const char *names)
{
    if (names == NULL || *names == '\0') {
        return "a name is missing";
    }
    return weft_string_copy(process->needs_text, names, sizeof(process->needs_text))
               ? NULL
               : "needs= names too many services";
}

/* The service of this name, of so many characters; -1: there is none. */
static int find_service(const struct manifest *manifest, const char *name, size_t length)
{
    for (uint32_t i = 0; i < manifest->process_count; i++) {
        const struct manifest_process *process = &manifest->processes[i];
        if (process->is_service && strlen(process->name) == length &&
            strncmp(process->name, name, length) == 0) {
            return (int)i;
        }
    }
    return -1;
}

const char *manifest_service_check(const struct manifest *manifest,
                                   const struct manifest_process *process)
{
    if (find_service(manifest, process->name, strlen(process->name)) >= 0) {
        return "a service of this name is there already";
    }
    if (process->budget != 0 && process->home != 0) {
        return "a service with a budget has its home on CPU 0";
    }
    return NULL;
}

/* `provide NAME`: an endpoint that init keeps, of which the service may receive. */
static const char *read_provide(struct manifest *manifest, struct manifest_process *process,
                                struct words *words)
{
    struct manifest_object object = {.kind = KIND_ENDPOINT, .cpu = process->cpu};
    struct manifest_grant *grant = &process->grants[process->grant_count];
    *grant = (struct manifest_grant){.object = manifest->object_count, .rights = RIGHT_READ};
    const char *problem = copy_name(object.name, next_word(words));
    if (problem == NULL && next_word(words) != NULL) {
        problem = "a word is not understood";
    }
    if (problem == NULL) {
        problem = add_object(manifest, &object);
    }
    if (problem == NULL) {
        problem = copy_name(grant->name, object.name);
        process->grant_count++;
    }
    return problem;
}

/* `use NAME [badge=N] [as=NAME] [only=list]`: the right to call what a service provides. */
static const char *read_use(struct manifest_process *process, unsigned line, uint64_t badge,
                            struct words *words)
{
    struct manifest_grant *grant = &process->grants[process->grant_count];
    *grant = (struct manifest_grant){.rights = RIGHT_WRITE, .badge = badge, .line = line};
    const char *problem = copy_name(grant->wanted, next_word(words));
    _Bool lists = 0;
    if (problem == NULL) {
        problem = copy_name(grant->name, grant->wanted);
    }
    for (char *word; problem == NULL && (word = next_word(words)) != NULL;) {
        char *value = split_value(word);
        if (strcmp(word, "badge") == 0) {
            problem = read_number(value, UINT32_MAX, &grant->badge);
        } else if (strcmp(word, "as") == 0) {
            problem = copy_name(grant->name, value);
        } else if (strcmp(word, "only") == 0 && strcmp(grant->wanted, "supervisor") == 0) {
            lists = value != NULL && strcmp(value, "list") == 0;
            problem = lists ? NULL : "only=list is all there is";
        } else {
            problem = "a word is not understood";
        }
    }
    grant->badge |= lists ? WEFT_SUPERVISOR_ONLY_LIST : 0;
    process->grant_count += problem == NULL;
    return problem;
}

/* `state BYTES`: memory that init keeps from one instance to the next. */
static const char *read_state(struct manifest_process *process, struct words *words)
{
    if (process->service.state != 0) {
        return "a service has one state";
    }
    const char *problem =
        read_number(next_word(words), WEFT_STATE_TOP - WEFT_STATE_BASE, &process->service.state);
    if (problem == NULL && process->service.state == 0) {
        problem = "a state of 0 bytes is none";
    }
    return problem == NULL && next_word(words) != NULL ? "a word is not understood" : problem;
}

/* `vault PAGES`: an empty process that init keeps from one instance to the next. */
static const char *read_vault(struct manifest_process *process, struct words *words)
{
    if (process->service.vault != 0) {
        return "a service has one vault";
    }
    const char *problem = read_number(next_word(words), VAULT_PAGES_MAX, &process->service.vault);
    if (problem == NULL && process->service.vault == 0) {
        problem = "a vault of 0 pages is none";
    }
    return problem == NULL && next_word(words) != NULL ? "a word is not understood" : problem;
}

/* `complain`: the right to say that a service which it uses does not work. */
static const char *read_complain(const struct manifest *manifest, struct manifest_process *process,
                                 unsigned line, struct words *words)
{
    struct manifest_grant *grant = &process->grants[process->grant_count++];
    *grant = (struct manifest_grant){
        .name = "complain",
        .wanted = "supervisor",
        .rights = RIGHT_WRITE,
        .badge = MANIFEST_COMPLAIN | (uint64_t)(process - manifest->processes),
        .line = line,
    };
    return next_word(words) != NULL ? "a word is not understood" : NULL;
}

const char *manifest_service_line(struct manifest *manifest, struct manifest_process *process,
                                  unsigned line, const char *kind, struct words *words)
{
    _Bool uses = strcmp(kind, "use") == 0, complains = strcmp(kind, "complain") == 0;
    if (process == NULL) {
        return "use, provide, state, vault and complain stand below a service";
    }
    if (!uses && !complains && !process->is_service) {
        return "only a service can provide, and have a state and a vault";
    }
    if (strcmp(kind, "state") == 0) {
        return read_state(process, words);
    }
    if (strcmp(kind, "vault") == 0) {
        return read_vault(process, words);
    }
    if (process->grant_count == MANIFEST_GRANTS_MAX) {
        return "there are too many capabilities";
    }
    if (complains) {
        return read_complain(manifest, process, line, words);
    }
    return uses ? read_use(process, line, (uint64_t)(process - manifest->processes) + 1, words)
                : read_provide(manifest, process, words);
}

/* What `use` lines stand for. */
static const char *resolve_uses(struct manifest *manifest, struct manifest_process *process,
                                unsigned *line)
{
    for (uint32_t i = 0; i < process->grant_count; i++) {
        struct manifest_grant *grant = &process->grants[i];
        if (grant->wanted[0] == '\0') {
            continue;
        }
        int object = find_object(manifest, grant->wanted);
        enum manifest_kind kind = object >= 0 ? manifest->objects[object].kind : KIND_MEMORY;
        if (kind != KIND_ENDPOINT && kind != KIND_SUPERVISOR) {
            *line = grant->line;
            return "nothing provides what is used here";
        }
        grant->object = (uint32_t)object;
        manifest->supervised |= kind == KIND_SUPERVISOR;
    }
    return NULL;
}

/* The names of `needs=`. */
static const char *resolve_needs(struct manifest *manifest, struct manifest_process *process,
                                 unsigned *line)
{
    *line = process->line;
    for (const char *name = process->needs_text; *name != '\0';) {
        const char *end = strchr(name, ',');
        size_t length = end ? (size_t)(end - name) : strlen(name);
        int service = find_service(manifest, name, length);
        if (service < 0) {
            return "needs= names something that is no service";
        }
        process->needs |= 1ull << service;
        name += length + (end != NULL);
        if (end != NULL && *name == '\0') {
            return "a name is missing";
        }
    }
    return NULL;
}

/* Does a service need itself, by way of others? All that each one needs is found first. */
static const char *check_circles(const struct manifest *manifest, unsigned *line)
{
    uint64_t all[MANIFEST_PROCESSES_MAX];
    uint32_t count = manifest->process_count;
    for (uint32_t i = 0; i < count; i++) {
        all[i] = manifest->processes[i].needs;
    }
    for (uint32_t by = 0; by < count; by++) {
        for (uint32_t i = 0; i < count; i++) {
            all[i] |= (all[i] >> by & 1) != 0 ? all[by] : 0;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        if ((all[i] >> i & 1) != 0) {
            *line = manifest->processes[i].line;
            return "needs= makes a circle: a service would wait for itself";
        }
    }
    return NULL;
}

const char *manifest_resolve(struct manifest *manifest, unsigned *line)
{
    const char *problem = NULL;
    unsigned where = *line;
    manifest->supervised = 0;
    for (uint32_t i = 0; problem == NULL && i < manifest->process_count; i++) {
        problem = resolve_uses(manifest, &manifest->processes[i], &where);
        if (problem == NULL) {
            problem = resolve_needs(manifest, &manifest->processes[i], &where);
        }
    }
    if (problem == NULL) {
        problem = check_circles(manifest, &where);
    }
    if (problem != NULL) {
        *line = where;
    }
    return problem;
}
