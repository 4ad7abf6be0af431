/* Multi operations, the order of asynchronous requests, and what concerns the server. */
#include "transcript.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPS_MAX 8
#define ASYNC_MAX 24

/* A multi under construction, with room for what it answers. */
struct multi {
    int count;
    zoo_op_t op[OPS_MAX];
    zoo_op_result_t result[OPS_MAX];
    char made[OPS_MAX][128];
    struct Stat stat[OPS_MAX];
};

static void add_create(struct multi *m, const char *path, int mode) {
    zoo_create_op_init(&m->op[m->count], path, "data", 4, &ZOO_OPEN_ACL_UNSAFE, mode,
                       m->made[m->count], sizeof m->made[0]);
    m->count++;
}

static void add_set(struct multi *m, const char *path, int version) {
    zoo_set_op_init(&m->op[m->count], path, "changed", 7, version, &m->stat[m->count]);
    m->count++;
}

static void add_delete(struct multi *m, const char *path, int version) {
    zoo_delete_op_init(&m->op[m->count++], path, version);
}

static void add_check(struct multi *m, const char *path, int version) {
    zoo_check_op_init(&m->op[m->count++], path, version);
}

static void commit(struct handle *h, struct multi *m, const char *title) {
    int rc = zoo_multi(h->zh, m->count, m->op, m->result);
    say("multi %s -> %s", title, code(rc));
    for (int i = 0; i < m->count; i++) {
        zoo_op_result_t *result = &m->result[i];
        /* Without an answer the library leaves the results as they were. */
        if (rc == ZCONNECTIONLOSS) break;
        say("  %d: %s %s", i, code(result->err),
            rc == ZOK && result->value != NULL ? result->value : "");
        if (rc == ZOK && result->stat != NULL) say_stat(h, result->stat);
    }
    memset(m, 0, sizeof *m);
}

void job_multi(const char *address) {
    struct handle *h = open_handle("multi", address, NULL, 10000, 0);
    struct multi m = {0};
    section("multi");
    add_create(&m, "/m", ZOO_PERSISTENT);
    add_create(&m, "/m/kid", ZOO_PERSISTENT);
    add_create(&m, "/m/seq-", ZOO_PERSISTENT_SEQUENTIAL);
    add_create(&m, "/m/eph", ZOO_EPHEMERAL);
    add_set(&m, "/m/kid", 0);
    add_check(&m, "/m/kid", 1);
    commit(h, &m, "of creates, set and check");
    add_delete(&m, "/m/kid", 1);
    add_create(&m, "/m/kid", ZOO_EPHEMERAL_SEQUENTIAL);
    add_set(&m, "/m", -1);
    add_set(&m, "/m", 1);
    commit(h, &m, "of delete, create and two sets");
    add_create(&m, "/m/lost", ZOO_PERSISTENT);
    add_set(&m, "/m", 9);
    add_delete(&m, "/m/seq-0000000001", -1);
    commit(h, &m, "with a stale version");
    add_check(&m, "/m/missing", -1);
    add_create(&m, "/m/lost", ZOO_PERSISTENT);
    commit(h, &m, "with a check of a missing node");
    add_create(&m, "/m/lost", ZOO_PERSISTENT);
    add_create(&m, "/m/lost", ZOO_PERSISTENT);
    commit(h, &m, "that creates twice");
    add_delete(&m, "/m", -1);
    commit(h, &m, "that deletes a parent");
    add_create(&m, "/m/eph/child", ZOO_PERSISTENT);
    commit(h, &m, "that creates below an ephemeral");
    commit(h, &m, "of nothing");
    struct String_vector names;
    struct Stat stat;
    int rc = zoo_get_children2(h->zh, "/m", 0, &names, &stat);
    say("children -> %s", code(rc));
    if (rc == ZOK) {
        say_names(&names);
        say_stat(h, &stat);
        deallocate_String_vector(&names);
    }
    close_handle(h);
}

/* Answers of asynchronous requests in the order in which the library gave them. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int count;
    char line[ASYNC_MAX][LINE_MAX_BYTES];
} answers = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, {""}};

static void answer(const void *what, int rc, const char *detail) {
    pthread_mutex_lock(&answers.lock);
    if (answers.count == ASYNC_MAX) fail("more than %d answers", ASYNC_MAX);
    snprintf(answers.line[answers.count++], LINE_MAX_BYTES, "%s -> %s %s", (const char *)what,
             code(rc), detail);
    pthread_cond_broadcast(&answers.changed);
    pthread_mutex_unlock(&answers.lock);
}

static void string_answer(int rc, const char *value, const void *what) {
    answer(what, rc, rc == ZOK && value != NULL ? value : "");
}

static void void_answer(int rc, const void *what) { answer(what, rc, ""); }

static void stat_answer(int rc, const struct Stat *stat, const void *what) {
    char detail[64] = "";
    if (rc == ZOK)
        snprintf(detail, sizeof detail, "version %d, %d children", stat->version,
                 stat->numChildren);
    answer(what, rc, detail);
}

static void names_answer(int rc, const struct String_vector *names, const struct Stat *stat,
                         const void *what) {
    char detail[64] = "";
    if (rc == ZOK)
        snprintf(detail, sizeof detail, "%d names, cversion %d", names->count, stat->cversion);
    answer(what, rc, detail);
}

static void data_answer(int rc, const char *value, int length, const struct Stat *stat,
                        const void *what) {
    char detail[64] = "";
    if (rc == ZOK)
        snprintf(detail, sizeof detail, "'%.*s' version %d", length < 0 ? 0 : length, value,
                 stat->version);
    answer(what, rc, detail);
}

void job_async(const char *address) {
    struct handle *h = open_handle("async", address, NULL, 10000, 0);
    const struct ACL_vector *open = &ZOO_OPEN_ACL_UNSAFE;
    int sent = 0;
    wait_state(h, ZOO_CONNECTED_STATE);
    section("pipelined requests, answered in order");
    /* None of these waits: reads stand behind writes of the same session and see them. */
    sent += zoo_acreate(h->zh, "/p", "0", 1, open, 0, string_answer, "create /p") == ZOK;
    for (int i = 0; i < 5; i++)
        sent += zoo_acreate(h->zh, "/p/s-", "", 0, open, ZOO_PERSISTENT_SEQUENTIAL, string_answer,
                            "create sequential") == ZOK;
    sent += zoo_aget_children2(h->zh, "/p", 0, names_answer, "children") == ZOK;
    sent += zoo_aset(h->zh, "/p", "1", 1, 0, stat_answer, "set") == ZOK;
    sent += zoo_aget(h->zh, "/p", 0, data_answer, "get") == ZOK;
    sent += zoo_aset(h->zh, "/p", "2", 1, 0, stat_answer, "set of version 0") == ZOK;
    sent += zoo_aexists(h->zh, "/p/gone", 0, stat_answer, "exists") == ZOK;
    sent += zoo_adelete(h->zh, "/p", -1, void_answer, "delete of a parent") == ZOK;
    sent += zoo_adelete(h->zh, "/p/s-0000000001", -1, void_answer, "delete of a child") == ZOK;
    sent += zoo_async(h->zh, "/p", string_answer, "sync") == ZOK;
    sent += zoo_async(h->zh, "/nowhere", string_answer, "sync of a missing node") == ZOK;
    sent += zoo_aexists(h->zh, "/p", 0, stat_answer, "exists") == ZOK;
    sent += zoo_acreate(h->zh, "/p/x", "", 0, open, ZOO_EPHEMERAL, string_answer,
                        "create ephemeral") == ZOK;
    sent += zoo_aget_children2(h->zh, "/p", 0, names_answer, "children") == ZOK;
    pthread_mutex_lock(&answers.lock);
    while (answers.count < sent) pthread_cond_wait(&answers.changed, &answers.lock);
    pthread_mutex_unlock(&answers.lock);
    for (int i = 0; i < answers.count; i++) say("%s", answers.line[i]);
    close_handle(h);
}

void job_server(const char *address) {
    struct handle *h = open_handle("server", address, NULL, 10000, 0);
    char text[1024];
    int length = sizeof text;
    struct Stat stat;
    section("configuration");
    int rc = zoo_getconfig(h->zh, 0, text, &length, &stat);
    say("getconfig -> %s '%.*s'", code(rc), length < 0 ? 0 : length, text);
    if (rc == ZOK) say_stat(h, &stat);
    length = sizeof text;
    rc = zoo_reconfig(h->zh, "server.2=127.0.0.1:2888:3888;2181", NULL, NULL, -1, text, &length,
                      &stat);
    say("reconfig joining -> %s", code(rc));
    rc = zoo_reconfig(h->zh, NULL, "1", NULL, -1, text, &length, &stat);
    say("reconfig leaving -> %s", code(rc));
    rc = zoo_set(h->zh, "/zookeeper/config", "x", 1, -1);
    say("set of /zookeeper/config -> %s", code(rc));
    say("new servers -> %s", code(zoo_set_servers(h->zh, address)));
    say("current server is %s", strcmp(zoo_get_current_server(h->zh), address) == 0
                                    ? "the one given" : zoo_get_current_server(h->zh));
    rc = zoo_exists(h->zh, "/", 0, &stat);
    say("exists / -> %s", code(rc));
    close_handle(h);
}
