/* Creating, reading, writing and deleting znodes, their ACLs, and who may do it. */
#include "transcript.h"

#include <stdlib.h>
#include <string.h>

/* The whole frame may have 1048575 bytes; a setData of /c/big has 26 around the value. */
#define FRAME_MAX 1048575
#define SET_OVERHEAD 26

static void create(struct handle *h, const char *path, const char *value,
                   const struct ACL_vector *acl, int mode) {
    char made[256] = "";
    int rc = zoo_create(h->zh, path, value, value == NULL ? -1 : (int)strlen(value), acl, mode,
                        made, sizeof made);
    say("create %s mode %d -> %s %s", path, mode, code(rc), rc == ZOK ? made : "");
}

static void create2(struct handle *h, const char *path, const char *value, int mode,
                    int64_t ttl) {
    char made[256] = "";
    struct Stat stat;
    int rc;
    if (ttl == -1)
        rc = zoo_create2(h->zh, path, value, (int)strlen(value), &ZOO_OPEN_ACL_UNSAFE, mode, made,
                         sizeof made, &stat);
    else
        rc = zoo_create2_ttl(h->zh, path, value, (int)strlen(value), &ZOO_OPEN_ACL_UNSAFE, mode,
                             ttl, made, sizeof made, &stat);
    say("create2 %s mode %d ttl %lld -> %s %s", path, mode, (long long)ttl, code(rc),
        rc == ZOK ? made : "");
    if (rc == ZOK) say_stat(h, &stat);
}

static void exists(struct handle *h, const char *path) {
    struct Stat stat;
    int rc = zoo_exists(h->zh, path, 0, &stat);
    say("exists %s -> %s", path, code(rc));
    if (rc == ZOK) say_stat(h, &stat);
}

static void children(struct handle *h, const char *path) {
    struct String_vector names = {0, NULL};
    struct Stat stat;
    int rc = zoo_get_children2(h->zh, path, 0, &names, &stat);
    say("get_children2 %s -> %s", path, code(rc));
    if (rc == ZOK) {
        say_names(&names);
        say_stat(h, &stat);
        deallocate_String_vector(&names);
    }
    rc = zoo_get_children(h->zh, path, 0, &names);
    say("get_children %s -> %s, %d names", path, code(rc), rc == ZOK ? names.count : 0);
    if (rc == ZOK) deallocate_String_vector(&names);
}

static void get(struct handle *h, const char *path) {
    char value[64];
    int length = sizeof value;
    struct Stat stat;
    int rc = zoo_get(h->zh, path, 0, value, &length, &stat);
    if (rc != ZOK)
        say("get %s -> %s", path, code(rc));
    else if (length < 0)
        say("get %s -> %s null", path, code(rc));
    else
        say("get %s -> %s '%.*s'", path, code(rc), length, value);
    if (rc == ZOK) say_stat(h, &stat);
}

static void set(struct handle *h, const char *path, const char *value, int version) {
    struct Stat stat;
    int rc = zoo_set2(h->zh, path, value, value == NULL ? -1 : (int)strlen(value), version, &stat);
    say("set %s version %d -> %s", path, version, code(rc));
    if (rc == ZOK) say_stat(h, &stat);
}

static void del(struct handle *h, const char *path, int version) {
    say("delete %s version %d -> %s", path, version, code(zoo_delete(h->zh, path, version)));
}

static void get_acl(struct handle *h, const char *path) {
    struct ACL_vector acl = {0, NULL};
    struct Stat stat;
    int rc = zoo_get_acl(h->zh, path, &acl, &stat);
    say("get_acl %s -> %s", path, code(rc));
    if (rc == ZOK) {
        say_acl(&acl);
        say_stat(h, &stat);
        deallocate_ACL_vector(&acl);
    }
}

static void set_acl(struct handle *h, const char *path, int version, int perms,
                    const char *scheme, const char *id) {
    struct ACL entry = {perms, {(char *)scheme, (char *)id}};
    struct ACL_vector acl = {1, &entry};
    say("set_acl %s version %d %d %s:%s -> %s", path, version, perms, scheme, id,
        code(zoo_set_acl(h->zh, path, version, &acl)));
}

/* Everything for the identities of `h`, reading for all. */
static void share(struct handle *h, const char *path) {
    struct ACL entries[] = {{ZOO_PERM_READ, {"world", "anyone"}}, {ZOO_PERM_ALL, {"auth", ""}}};
    struct ACL_vector acl = {2, entries};
    say("share %s -> %s", path, code(zoo_set_acl(h->zh, path, -1, &acl)));
}

void job_create(const char *address) {
    struct handle *h = open_handle("creator", address, NULL, 10000, 0);
    section("create");
    create(h, "/c", "root", &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT);
    create(h, "/c/null", NULL, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT);
    create(h, "/c/empty", "", &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT);
    create(h, "/c/eph", "mine", &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL);
    create(h, "/c/seq-", "1", &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT_SEQUENTIAL);
    create(h, "/c/seq-", "2", &ZOO_READ_ACL_UNSAFE, ZOO_PERSISTENT_SEQUENTIAL);
    create(h, "/c/eseq-", "3", &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL_SEQUENTIAL);
    create(h, "/c/box", "4", &ZOO_OPEN_ACL_UNSAFE, ZOO_CONTAINER);
    create2(h, "/c/two", "5", ZOO_PERSISTENT, -1);
    create2(h, "/c/two-", "6", ZOO_EPHEMERAL_SEQUENTIAL, -1);
    create2(h, "/c/box2", "7", ZOO_CONTAINER, -1);
    create2(h, "/c/ttl", "8", ZOO_PERSISTENT_WITH_TTL, 3600000);
    create2(h, "/c/ttl-", "9", ZOO_PERSISTENT_SEQUENTIAL_WITH_TTL, 3600000);
    create2(h, "/c/ttl0", "0", ZOO_PERSISTENT_WITH_TTL, 0);
    create2(h, "/c/ttl-most", "0", ZOO_PERSISTENT_WITH_TTL, 1099511627775LL);
    create2(h, "/c/ttl-more", "0", ZOO_PERSISTENT_WITH_TTL, 1099511627776LL);
    create2(h, "/c/ttl-wrong", "0", ZOO_EPHEMERAL, 1000);
    create2(h, "/c/ttl-none", "0", ZOO_PERSISTENT_WITH_TTL, -1);
    section("create, refused");
    create(h, "/c", "again", &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT);
    create(h, "/c/no/parent", "x", &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT);
    create(h, "/c/eph/child", "x", &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT);
    create(h, "relative", "x", &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT);
    create(h, "/c//double", "x", &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT);
    create(h, "/c/../up", "x", &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT);
    create(h, "/c/.", "x", &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT);
    create(h, "/c/trailing/", "x", &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT);
    create(h, "/c/bell\x07", "x", &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT);
    create(h, "/c/\xc3\xa9t\xc3\xa9", "x", &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT);
    create(h, "/c/\xf0\x9f\xa6\x95", "x", &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT);
    create(h, "/", "x", &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT);
    create(h, "/c/mode", "x", &ZOO_OPEN_ACL_UNSAFE, 99);
    create(h, "/c/acl", "x", NULL, ZOO_PERSISTENT);
    create(h, "/c/auth", "x", &ZOO_CREATOR_ALL_ACL, ZOO_PERSISTENT);
    children(h, "/c");
    close_handle(h);
}

static void big_values(struct handle *h) {
    struct Stat stat;
    char *value = calloc(1, FRAME_MAX);
    if (value == NULL) fail("out of memory");
    section("big values");
    create(h, "/c/big", "", &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT);
    say("set of the largest value -> %s",
        code(zoo_set(h->zh, "/c/big", value, FRAME_MAX - SET_OVERHEAD, -1)));
    say("exists -> %s", code(zoo_exists(h->zh, "/c/big", 0, &stat)));
    say("  %d bytes less than the limit", FRAME_MAX - stat.dataLength);
    say("set of one byte more -> %s",
        code(zoo_set(h->zh, "/c/big", value, FRAME_MAX - SET_OVERHEAD + 1, -1)));
    wait_connection(h, 2);
    exists(h, "/c/big");
    free(value);
}

void job_read_write(const char *address) {
    struct handle *h = open_handle("writer", address, NULL, 10000, 0);
    section("read and write");
    /* The ephemerals of the job before are gone, its names are used up. */
    children(h, "/c");
    children(h, "/c/missing");
    get(h, "/c");
    get(h, "/c/null");
    get(h, "/c/empty");
    get(h, "/c/missing");
    get(h, "/c/ttl");
    exists(h, "/");
    exists(h, "/zookeeper");
    exists(h, "/zookeeper/config");
    exists(h, "/c/missing");
    set(h, "/c", "first", -1);
    set(h, "/c", "second", 1);
    set(h, "/c", "stale", 1);
    set(h, "/c", NULL, -1);
    get(h, "/c");
    set(h, "/c/missing", "x", -1);
    set(h, "/c/ttl", "renewed", 0);
    set(h, "/c/box", "inside", -1);
    create2(h, "/c/box/kid", "x", ZOO_PERSISTENT, -1);
    exists(h, "/c/box");
    del(h, "/c/box", -1);
    del(h, "/c/box", 7);
    del(h, "/c/box/kid", 0);
    del(h, "/c/box", 1);
    del(h, "/c/missing", -1);
    del(h, "/", -1);
    del(h, "/zookeeper", -1);
    del(h, "/zookeeper/quota", -1);
    exists(h, "/c");
    create(h, "/c/after-", "x", &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT_SEQUENTIAL);
    big_values(h);
    close_handle(h);
}

static void authed(int rc, const void *data) {
    struct handle *h = (struct handle *)data;
    pthread_mutex_lock(&h->lock);
    /* An event is the simplest thing to wait for; drain() shows it. */
    if (h->events < EVENTS_MAX) {
        strcpy(h->event[h->events], "auth answered ");
        strcat(h->event[h->events++], code(rc));
    }
    pthread_mutex_unlock(&h->lock);
}

static void add_auth(struct handle *h, const char *scheme, const char *text) {
    say("add_auth %s %s -> %s", scheme, text,
        code(zoo_add_auth(h->zh, scheme, text, (int)strlen(text), authed, h)));
}

/* Events tell nothing to one who may not read the node by then (CVE-2024-23944). */
static void hidden_events(struct handle *ann, struct handle *h) {
    char value[16];
    int length = sizeof value;
    struct Stat stat;
    struct String_vector names;
    section("events that a stranger may not see");
    say("watch data of /acl/shown -> %s",
        code(zoo_wget(h->zh, "/acl/shown", node_watcher, h, value, &length, &stat)));
    say("watch existence of /acl/secret -> %s",
        code(zoo_wexists(h->zh, "/acl/secret", node_watcher, h, &stat)));
    int rc = zoo_wget_children(h->zh, "/acl/shown", node_watcher, h, &names);
    say("watch children of /acl/shown -> %s", code(rc));
    if (rc == ZOK) deallocate_String_vector(&names);
    set_acl(ann, "/acl/shown", -1, ZOO_PERM_ALL, "auth", "");
    set(ann, "/acl/shown", "hidden by now", -1);
    create(ann, "/acl/shown/kid", "x", &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT);
    create(ann, "/acl/secret", "x", &ZOO_CREATOR_ALL_ACL, ZOO_PERSISTENT);
    drain(h);
    share(ann, "/acl/shown");
    drain(h);
}

static void job_strangers(const char *address, struct handle *ann) {
    struct handle *h = open_handle("stranger", address, NULL, 10000, 0);
    section("access by a stranger");
    /*
     * Whether exists needs READ is not asked here: it does from 3.8.4 on, which a server
     * should follow, and does not in the 3.8.0 that Debian has.
     */
    get(h, "/acl/private");
    set(h, "/acl/private", "x", -1);
    children(h, "/acl/private");
    get_acl(h, "/acl/private");
    set_acl(h, "/acl/private", -1, ZOO_PERM_ALL, "world", "anyone");
    create(h, "/acl/private/x", "x", &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT);
    del(h, "/acl/private/kid", -1);
    get(h, "/acl/shown");
    get_acl(h, "/acl/shown");
    set(h, "/acl/shown", "x", -1);
    hidden_events(ann, h);
    add_auth(h, "digest", "ann:secret");
    drain(h);
    get(h, "/acl/private");
    del(h, "/acl/private/kid", -1);
    add_auth(h, "nosuch", "scheme");
    wait_state(h, ZOO_AUTH_FAILED_STATE);
    say("state is %s, unrecoverable: %s", state_name(zoo_state(h->zh)),
        code(is_unrecoverable(h->zh)));
    get(h, "/acl/private");
    close_handle(h);
}

void job_access(const char *address) {
    struct handle *h = open_handle("ann", address, NULL, 10000, 0);
    section("access");
    create(h, "/acl", "x", &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT);
    get_acl(h, "/acl");
    get_acl(h, "/zookeeper/config");
    get_acl(h, "/acl/missing");
    set_acl(h, "/acl", -1, ZOO_PERM_ALL, "nosuch", "x");
    set_acl(h, "/acl", -1, ZOO_PERM_ALL, "world", "someone");
    set_acl(h, "/acl", -1, ZOO_PERM_ALL, "digest", "nocolon");
    set_acl(h, "/acl", -1, ZOO_PERM_ALL, "ip", "300.1.1.1");
    set_acl(h, "/acl", -1, ZOO_PERM_ALL, "auth", "");
    set_acl(h, "/acl/missing", -1, ZOO_PERM_ALL, "world", "anyone");
    set_acl(h, "/acl", 0, ZOO_PERM_ALL, "ip", "127.0.0.1/8");
    set_acl(h, "/acl", 0, ZOO_PERM_ALL, "world", "anyone");
    set_acl(h, "/acl", 1, ZOO_PERM_ALL, "world", "anyone");
    get_acl(h, "/acl");
    add_auth(h, "digest", "ann:secret");
    drain(h);
    create(h, "/acl/private", "hidden", &ZOO_CREATOR_ALL_ACL, ZOO_PERSISTENT);
    create(h, "/acl/private/kid", "x", &ZOO_CREATOR_ALL_ACL, ZOO_PERSISTENT);
    create(h, "/acl/shown", "shown", &ZOO_CREATOR_ALL_ACL, ZOO_PERSISTENT);
    share(h, "/acl/shown");
    get_acl(h, "/acl/private");
    get(h, "/acl/private");
    set_acl(h, "/acl/private", -1, ZOO_PERM_ALL, "auth", "ignored");
    get_acl(h, "/acl/private");
    job_strangers(address, h);
    close_handle(h);
}
