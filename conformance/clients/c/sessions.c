/* Sessions: timeouts, ephemerals, re-attaching by id, and what a lost connection does. */
#include "transcript.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Sends one order to the proxy of conformance/clients/c/link.py and waits for its answer. */
static void order(const char *control, const char *what) {
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *found;
    char host[64], port[16], reply[16] = "";
    size_t got = 0;
    if (sscanf(control, "%63[^:]:%15s", host, port) != 2 ||
        getaddrinfo(host, port, &hints, &found) != 0)
        fail("the link's control address is not host:port: %s", control);
    int conn = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(conn, found->ai_addr, found->ai_addrlen) != 0) fail("the link is not there");
    freeaddrinfo(found);
    if (dprintf(conn, "%s\n", what) < 0) fail("the link takes no orders");
    while (strchr(reply, '\n') == NULL) {
        ssize_t n = read(conn, reply + got, sizeof reply - 1 - got);
        if (n <= 0) fail("the link did not %s", what);
        got += (size_t)n;
    }
    close(conn);
    say("link: %s", what);
}

static void timeout(const char *address, int asked) {
    struct handle *h = open_handle("timeout", address, NULL, asked, 0);
    wait_state(h, ZOO_CONNECTED_STATE);
    say("asked for %d ms, got %d ms", asked, zoo_recv_timeout(h->zh));
    close_handle(h);
}

static void refused(const char *title, const char *address, const clientid_t *id) {
    struct handle *h = open_handle(title, address, id, 10000, 0);
    wait_state(h, ZOO_EXPIRED_SESSION_STATE);
    struct Stat stat;
    say("%s: state is %s, unrecoverable: %s, exists -> %s", title, state_name(zoo_state(h->zh)),
        code(is_unrecoverable(h->zh)), code(zoo_exists(h->zh, "/", 0, &stat)));
    close_handle(h);
}

static void ephemeral(struct handle *h, const char *path) {
    say("create %s -> %s", path, code(zoo_create(h->zh, path, "", 0, &ZOO_OPEN_ACL_UNSAFE,
                                                 ZOO_EPHEMERAL, NULL, 0)));
}

static void exists(struct handle *h, const char *path) {
    struct Stat stat;
    int rc = zoo_exists(h->zh, path, 0, &stat);
    say("exists %s -> %s", path, code(rc));
    if (rc == ZOK) say_stat(h, &stat);
}

static void moved(const char *address, const char *link, const char *control) {
    section("a session taken over by another connection");
    struct handle *first = open_handle("first", link, NULL, 10000, 0);
    wait_state(first, ZOO_CONNECTED_STATE);
    ephemeral(first, "/s/eph");
    clientid_t id = *zoo_client_id(first->zh);
    clientid_t wrong = id;
    memset(wrong.passwd, 'x', sizeof wrong.passwd);
    order(control, "cut");
    wait_not_state(first, ZOO_CONNECTED_STATE);
    struct Stat stat;
    say("first, while cut: exists -> %s", code(zoo_exists(first->zh, "/", 0, &stat)));
    refused("wrong password", address, &wrong);
    struct handle *second = open_handle("second", address, &id, 20000, 0);
    wait_state(second, ZOO_CONNECTED_STATE);
    say("second has the id of first: %s, timeout %d",
        zoo_client_id(second->zh)->client_id == id.client_id ? "yes" : "no",
        zoo_recv_timeout(second->zh));
    exists(second, "/s/eph");
    ephemeral(second, "/s/eph2");
    close_handle(second);
    struct handle *third = open_handle("third", address, NULL, 10000, 0);
    exists(third, "/s/eph");
    exists(third, "/s/eph2");
    order(control, "mend");
    wait_state(first, ZOO_EXPIRED_SESSION_STATE);
    say("first, after second closed the session: %s", state_name(zoo_state(first->zh)));
    close_handle(first);
    refused("closed session", address, &id);
    clientid_t unknown = {0x1234567890LL, {0}};
    refused("unknown session", address, &unknown);
    close_handle(third);
}

void job_session(const char *address, const char *link, const char *control) {
    section("sessions");
    timeout(address, 3000);
    timeout(address, 10000);
    timeout(address, 1000000);
    struct handle *h = open_handle("owner", address, NULL, 10000, ZOO_READONLY);
    wait_state(h, ZOO_CONNECTED_STATE);
    say("may be read-only: state is %s", state_name(zoo_state(h->zh)));
    say("create -> %s",
        code(zoo_create(h->zh, "/s", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0)));
    close_handle(h);
    moved(address, link, control);
}

static void watch_all(struct handle *h) {
    static const char *const DATA[] = {"/n", "/n/set", "/n/same", "/n/gone", "/n/again"};
    struct Stat stat;
    struct String_vector names;
    char value[16];
    for (size_t i = 0; i < sizeof DATA / sizeof DATA[0]; i++) {
        int length = sizeof value;
        say("watch data of %s -> %s", DATA[i],
            code(zoo_wget(h->zh, DATA[i], node_watcher, h, value, &length, &stat)));
    }
    say("watch existence of /n/new -> %s",
        code(zoo_wexists(h->zh, "/n/new", node_watcher, h, &stat)));
    say("watch existence of /n/never -> %s",
        code(zoo_wexists(h->zh, "/n/never", node_watcher, h, &stat)));
    say("watch existence of /n/brief -> %s",
        code(zoo_wexists(h->zh, "/n/brief", node_watcher, h, &stat)));
    static const char *const CHILDREN[] = {"/n", "/n/set", "/n/gone"};
    for (size_t i = 0; i < sizeof CHILDREN / sizeof CHILDREN[0]; i++) {
        int rc = zoo_wget_children(h->zh, CHILDREN[i], other_watcher, h, &names);
        say("watch children of %s -> %s", CHILDREN[i], code(rc));
        if (rc == ZOK) deallocate_String_vector(&names);
    }
}

static void made(struct handle *h, const char *path) {
    int rc = zoo_create(h->zh, path, "x", 1, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0);
    if (rc != ZOK) fail("create %s: %s", path, code(rc));
}

void job_reconnect(const char *address, const char *link, const char *control) {
    struct handle *h = open_handle("watcher", link, NULL, 10000, 0);
    struct handle *o = open_handle("worker", address, NULL, 10000, 0);
    section("watches over a lost connection");
    made(o, "/n");
    made(o, "/n/set");
    made(o, "/n/same");
    made(o, "/n/gone");
    made(o, "/n/again");
    wait_state(h, ZOO_CONNECTED_STATE);
    zoo_add_auth(h->zh, "digest", "ann:secret", 10, NULL, NULL);
    ephemeral(h, "/n/eph");
    watch_all(h);
    order(control, "cut");
    wait_not_state(h, ZOO_CONNECTED_STATE);
    say("set -> %s", code(zoo_set(o->zh, "/n/set", "y", 1, -1)));
    say("delete -> %s", code(zoo_delete(o->zh, "/n/gone", -1)));
    say("delete -> %s", code(zoo_delete(o->zh, "/n/again", -1)));
    made(o, "/n/again");
    made(o, "/n/new");
    made(o, "/n/brief");
    say("delete -> %s", code(zoo_delete(o->zh, "/n/brief", -1)));
    exists(o, "/n/eph");
    order(control, "mend");
    wait_state(h, ZOO_CONNECTED_STATE);
    drain_sorted(h);
    section("watches that outlived the connection");
    say("set -> %s", code(zoo_set(o->zh, "/n/same", "z", 1, -1)));
    made(o, "/n/never");
    made(o, "/n/brief");
    made(o, "/n/set/kid");
    say("set -> %s", code(zoo_set(o->zh, "/n", "z", 1, -1)));
    drain_sorted(h);
    exists(h, "/n/eph");
    /* The library sent the credentials again on the new connection. */
    say("create of a private node -> %s",
        code(zoo_create(h->zh, "/n/private", "", 0, &ZOO_CREATOR_ALL_ACL, 0, NULL, 0)));
    struct Stat stat;
    struct ACL_vector acl;
    int rc = zoo_get_acl(h->zh, "/n/private", &acl, &stat);
    say("get_acl -> %s", code(rc));
    if (rc == ZOK) {
        say_acl(&acl);
        deallocate_ACL_vector(&acl);
    }
    close_handle(h);
    exists(o, "/n/eph");
    close_handle(o);
}
