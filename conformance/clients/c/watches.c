/* Watches: which change fires which, how often, in what order, and taking them away. */
#include "transcript.h"

#include <string.h>

static void create(struct handle *h, const char *path) {
    int rc = zoo_create(h->zh, path, "x", 1, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT, NULL, 0);
    say("create %s -> %s", path, code(rc));
}

static void set(struct handle *h, const char *path, const char *value) {
    say("set %s -> %s", path, code(zoo_set(h->zh, path, value, (int)strlen(value), -1)));
}

static void del(struct handle *h, const char *path) {
    say("delete %s -> %s", path, code(zoo_delete(h->zh, path, -1)));
}

static void watch_data(struct handle *h, const char *path, watcher_fn watcher) {
    char value[16];
    int length = sizeof value;
    struct Stat stat;
    say("watch data of %s -> %s", path,
        code(zoo_wget(h->zh, path, watcher, h, value, &length, &stat)));
}

static void watch_exists(struct handle *h, const char *path, watcher_fn watcher) {
    struct Stat stat;
    say("watch existence of %s -> %s", path, code(zoo_wexists(h->zh, path, watcher, h, &stat)));
}

static void watch_children(struct handle *h, const char *path, watcher_fn watcher) {
    struct String_vector names;
    struct Stat stat;
    int rc = zoo_wget_children2(h->zh, path, watcher, h, &names, &stat);
    say("watch children of %s -> %s", path, code(rc));
    if (rc == ZOK) deallocate_String_vector(&names);
}

static void remove_watch(struct handle *h, const char *path, ZooWatcherType type,
                         watcher_fn watcher) {
    int rc = watcher == NULL ? zoo_remove_all_watches(h->zh, path, type, 0)
                             : zoo_remove_watches(h->zh, path, type, watcher, h, 0);
    say("remove %s watches of type %d on %s -> %s", watcher == NULL ? "all" : "own", (int)type,
        path, code(rc));
}

static void one_shot(struct handle *h) {
    section("one-shot watches");
    create(h, "/w");
    watch_data(h, "/w", node_watcher);
    watch_exists(h, "/w", node_watcher);
    watch_children(h, "/w", node_watcher);
    set(h, "/w", "once");
    set(h, "/w", "unseen");
    drain(h);
    create(h, "/w/kid");
    create(h, "/w/unseen");
    drain(h);
    watch_exists(h, "/w/later", node_watcher);
    create(h, "/w/later");
    set(h, "/w/later", "unseen");
    drain(h);
    watch_data(h, "/w/later", node_watcher);
    watch_children(h, "/w/later", node_watcher);
    del(h, "/w/later");
    drain(h);
    watch_data(h, "/w/missing", node_watcher);
    watch_children(h, "/w/missing", node_watcher);
    create(h, "/w/missing");
    drain(h);
    section("two watchers on one node");
    watch_data(h, "/w/kid", node_watcher);
    watch_data(h, "/w/kid", other_watcher);
    watch_data(h, "/w/kid", other_watcher);
    set(h, "/w/kid", "twice");
    drain_sorted(h);
    section("children of watched nodes");
    watch_children(h, "/w", node_watcher);
    set(h, "/w/kid", "unseen");
    create(h, "/w/kid/grandkid");
    drain(h);
    del(h, "/w/unseen");
    drain(h);
}

static void multi_events(struct handle *h) {
    zoo_op_t op[4];
    zoo_op_result_t result[4];
    char made[64];
    section("events of a multi");
    watch_data(h, "/w", node_watcher);
    watch_children(h, "/w", node_watcher);
    watch_exists(h, "/w/m", node_watcher);
    watch_data(h, "/w/kid", node_watcher);
    zoo_set_op_init(&op[0], "/w/kid", "m", 1, -1, NULL);
    zoo_create_op_init(&op[1], "/w/m", "m", 1, &ZOO_OPEN_ACL_UNSAFE, 0, made, sizeof made);
    zoo_set_op_init(&op[2], "/w", "m", 1, -1, NULL);
    zoo_delete_op_init(&op[3], "/w/m", -1);
    say("multi -> %s", code(zoo_multi(h->zh, 4, op, result)));
    drain(h);
    watch_data(h, "/w", node_watcher);
    zoo_set_op_init(&op[0], "/w", "m", 1, -1, NULL);
    zoo_check_op_init(&op[1], "/w", 99);
    say("failing multi -> %s", code(zoo_multi(h->zh, 2, op, result)));
    drain(h);
}

static void removal(struct handle *h) {
    section("removing watches");
    create(h, "/r");
    watch_data(h, "/r", node_watcher);
    remove_watch(h, "/r", ZWATCHTYPE_CHILD, node_watcher);
    remove_watch(h, "/r", ZWATCHTYPE_DATA, other_watcher);
    remove_watch(h, "/r", ZWATCHTYPE_DATA, node_watcher);
    remove_watch(h, "/r", ZWATCHTYPE_DATA, node_watcher);
    set(h, "/r", "unseen");
    drain(h);
    watch_data(h, "/r", node_watcher);
    watch_data(h, "/r", other_watcher);
    remove_watch(h, "/r", ZWATCHTYPE_DATA, node_watcher);
    set(h, "/r", "seen by the other");
    drain(h);
    watch_data(h, "/r", node_watcher);
    watch_children(h, "/r", node_watcher);
    remove_watch(h, "/r", ZWATCHTYPE_DATA, NULL);
    set(h, "/r", "unseen");
    create(h, "/r/kid");
    drain(h);
    watch_data(h, "/r", node_watcher);
    watch_children(h, "/r", node_watcher);
    watch_exists(h, "/r/later", node_watcher);
    remove_watch(h, "/r", ZWATCHTYPE_ANY, NULL);
    remove_watch(h, "/r/later", ZWATCHTYPE_DATA, NULL);
    remove_watch(h, "/r/never", ZWATCHTYPE_ANY, NULL);
    set(h, "/r", "unseen");
    create(h, "/r/later");
    drain(h);
}

void job_watch(const char *address) {
    struct handle *h = open_handle("watcher", address, NULL, 10000, 0);
    struct handle *o = open_handle("worker", address, NULL, 10000, 0);
    one_shot(h);
    multi_events(h);
    removal(h);
    section("changes made by others");
    watch_data(h, "/w/kid", node_watcher);
    watch_children(h, "/w", node_watcher);
    watch_exists(h, "/w/eph", node_watcher);
    set(o, "/w/kid", "by another");
    say("create ephemeral -> %s", code(zoo_create(o->zh, "/w/eph", "", 0, &ZOO_OPEN_ACL_UNSAFE,
                                                 ZOO_EPHEMERAL, NULL, 0)));
    drain(h);
    watch_exists(h, "/w/eph", node_watcher);
    watch_children(h, "/w", node_watcher);
    close_handle(o);
    drain(h);
    section("the default watcher");
    struct Stat stat;
    say("exists with watch -> %s", code(zoo_exists(h->zh, "/w", 1, &stat)));
    set(h, "/w", "default");
    drain_sorted(h);
    close_handle(h);
}
