/* Printing, and handles that collect their events; transcript.h tells the idea. */
#include "transcript.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PATIENCE_S 30

static const struct {
    int value;
    const char *name;
} CODES[] = {
    {ZOK, "ZOK"},
    {ZSYSTEMERROR, "ZSYSTEMERROR"},
    {ZRUNTIMEINCONSISTENCY, "ZRUNTIMEINCONSISTENCY"},
    {ZDATAINCONSISTENCY, "ZDATAINCONSISTENCY"},
    {ZCONNECTIONLOSS, "ZCONNECTIONLOSS"},
    {ZMARSHALLINGERROR, "ZMARSHALLINGERROR"},
    {ZUNIMPLEMENTED, "ZUNIMPLEMENTED"},
    {ZOPERATIONTIMEOUT, "ZOPERATIONTIMEOUT"},
    {ZBADARGUMENTS, "ZBADARGUMENTS"},
    {ZINVALIDSTATE, "ZINVALIDSTATE"},
    {ZNEWCONFIGNOQUORUM, "ZNEWCONFIGNOQUORUM"},
    {ZRECONFIGINPROGRESS, "ZRECONFIGINPROGRESS"},
    {ZAPIERROR, "ZAPIERROR"},
    {ZNONODE, "ZNONODE"},
    {ZNOAUTH, "ZNOAUTH"},
    {ZBADVERSION, "ZBADVERSION"},
    {ZNOCHILDRENFOREPHEMERALS, "ZNOCHILDRENFOREPHEMERALS"},
    {ZNODEEXISTS, "ZNODEEXISTS"},
    {ZNOTEMPTY, "ZNOTEMPTY"},
    {ZSESSIONEXPIRED, "ZSESSIONEXPIRED"},
    {ZINVALIDCALLBACK, "ZINVALIDCALLBACK"},
    {ZINVALIDACL, "ZINVALIDACL"},
    {ZAUTHFAILED, "ZAUTHFAILED"},
    {ZCLOSING, "ZCLOSING"},
    {ZNOTHING, "ZNOTHING"},
    {ZSESSIONMOVED, "ZSESSIONMOVED"},
    {ZNOTREADONLY, "ZNOTREADONLY"},
    {ZEPHEMERALONLOCALSESSION, "ZEPHEMERALONLOCALSESSION"},
    {ZNOWATCHER, "ZNOWATCHER"},
    {ZRECONFIGDISABLED, "ZRECONFIGDISABLED"},
};

const char *code(int rc) {
    static __thread char unknown[32];
    for (size_t i = 0; i < sizeof CODES / sizeof CODES[0]; i++)
        if (CODES[i].value == rc) return CODES[i].name;
    snprintf(unknown, sizeof unknown, "code %d", rc);
    return unknown;
}

const char *state_name(int state) {
    if (state == ZOO_CONNECTED_STATE) return "connected";
    if (state == ZOO_CONNECTING_STATE) return "connecting";
    if (state == ZOO_ASSOCIATING_STATE) return "associating";
    if (state == ZOO_READONLY_STATE) return "readonly";
    if (state == ZOO_NOTCONNECTED_STATE) return "notconnected";
    if (state == ZOO_EXPIRED_SESSION_STATE) return "expired";
    if (state == ZOO_AUTH_FAILED_STATE) return "authfailed";
    return "unknown";
}

static const char *type_name(int type) {
    if (type == ZOO_CREATED_EVENT) return "created";
    if (type == ZOO_DELETED_EVENT) return "deleted";
    if (type == ZOO_CHANGED_EVENT) return "changed";
    if (type == ZOO_CHILD_EVENT) return "child";
    if (type == ZOO_SESSION_EVENT) return "session";
    if (type == ZOO_NOTWATCHING_EVENT) return "notwatching";
    return "unknown";
}

void fail(const char *format, ...) {
    va_list args;
    fflush(stdout);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

void say(const char *format, ...) {
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
}

void section(const char *title) { say("== %s", title); }

void say_stat(const struct handle *h, const struct Stat *stat) {
    const char *owner = "none";
    if (stat->ephemeralOwner != 0)
        owner = stat->ephemeralOwner == zoo_client_id(h->zh)->client_id ? "me" : "another";
    say("  stat version=%d cversion=%d aversion=%d dataLength=%d numChildren=%d owner=%s "
        "mzxid%cczxid pzxid%cczxid pzxid%cmzxid times %s",
        stat->version, stat->cversion, stat->aversion, stat->dataLength, stat->numChildren, owner,
        stat->mzxid == stat->czxid ? '=' : stat->mzxid > stat->czxid ? '>' : '<',
        stat->pzxid == stat->czxid ? '=' : stat->pzxid > stat->czxid ? '>' : '<',
        stat->pzxid == stat->mzxid ? '=' : stat->pzxid > stat->mzxid ? '>' : '<',
        stat->ctime <= stat->mtime && (stat->mzxid != stat->czxid || stat->ctime == stat->mtime)
            ? "sane" : "wrong");
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void say_names(const struct String_vector *names) {
    char **sorted = calloc((size_t)names->count + 1, sizeof *sorted);
    if (sorted == NULL) fail("out of memory");
    for (int i = 0; i < names->count; i++) sorted[i] = names->data[i];
    qsort(sorted, (size_t)names->count, sizeof *sorted, by_text);
    printf("  %d names:", names->count);
    for (int i = 0; i < names->count; i++) printf(" %s", sorted[i]);
    putchar('\n');
    free(sorted);
}

void say_acl(const struct ACL_vector *acl) {
    for (int i = 0; i < acl->count; i++)
        say("  acl %d %s:%s", acl->data[i].perms, acl->data[i].id.scheme, acl->data[i].id.id);
}

static void record(struct handle *h, const char *who, int type, int state, const char *path) {
    pthread_mutex_lock(&h->lock);
    if (h->events == EVENTS_MAX) fail("more than %d events on %s", EVENTS_MAX, h->name);
    snprintf(h->event[h->events++], LINE_MAX_BYTES, "%s %s on %s, %s", who, type_name(type),
             path, state_name(state));
    pthread_cond_broadcast(&h->changed);
    pthread_mutex_unlock(&h->lock);
}

void node_watcher(zhandle_t *zh, int type, int state, const char *path, void *context) {
    (void)zh;
    /* The library tells node watchers about the session too; the session watcher suffices. */
    if (type != ZOO_SESSION_EVENT) record(context, "event", type, state, path);
}

void other_watcher(zhandle_t *zh, int type, int state, const char *path, void *context) {
    (void)zh;
    if (type != ZOO_SESSION_EVENT) record(context, "other event", type, state, path);
}

static void session_watcher(zhandle_t *zh, int type, int state, const char *path, void *context) {
    struct handle *h = context;
    (void)zh;
    if (type != ZOO_SESSION_EVENT) {
        record(h, "default event", type, state, path);
        return;
    }
    pthread_mutex_lock(&h->lock);
    h->state = state;
    h->connections += state == ZOO_CONNECTED_STATE;
    pthread_cond_broadcast(&h->changed);
    pthread_mutex_unlock(&h->lock);
}

static struct timespec end_of_patience(void) {
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += PATIENCE_S;
    return end;
}

static void wait_while(struct handle *h, int state, int equal) {
    struct timespec end = end_of_patience();
    pthread_mutex_lock(&h->lock);
    while ((h->state == state) == equal)
        if (pthread_cond_timedwait(&h->changed, &h->lock, &end) == ETIMEDOUT)
            fail("%s: state is %s after %d s", h->name, state_name(h->state), PATIENCE_S);
    pthread_mutex_unlock(&h->lock);
}

void wait_state(struct handle *h, int state) { wait_while(h, state, 0); }

void wait_not_state(struct handle *h, int state) { wait_while(h, state, 1); }

void wait_connection(struct handle *h, int n) {
    struct timespec end = end_of_patience();
    pthread_mutex_lock(&h->lock);
    while (h->connections < n)
        if (pthread_cond_timedwait(&h->changed, &h->lock, &end) == ETIMEDOUT)
            fail("%s: %d connections after %d s", h->name, h->connections, PATIENCE_S);
    pthread_mutex_unlock(&h->lock);
}

const char *certificates = NULL;

static zhandle_t *init(const char *address, const clientid_t *id, struct handle *h,
                       int timeout_ms, int flags) {
#ifdef HAVE_OPENSSL_H
    if (certificates != NULL)
        return zookeeper_init_ssl(address, certificates, session_watcher, timeout_ms, id, h, flags);
#endif
    return zookeeper_init(address, session_watcher, timeout_ms, id, h, flags);
}

struct handle *open_handle(const char *name, const char *address, const clientid_t *id,
                           int timeout_ms, int flags) {
    struct handle *h = calloc(1, sizeof *h);
    if (h == NULL) fail("out of memory");
    h->name = name;
    h->state = ZOO_NOTCONNECTED_STATE;
    pthread_mutex_init(&h->lock, NULL);
    pthread_cond_init(&h->changed, NULL);
    /* The session watcher may run before zookeeper_init returns; it does not use h->zh. */
    h->zh = init(address, id, h, timeout_ms, flags);
    if (h->zh == NULL) fail("%s: zookeeper_init failed: errno %d", name, errno);
    wait_not_state(h, ZOO_NOTCONNECTED_STATE);
    return h;
}

void close_handle(struct handle *h) {
    int rc = zookeeper_close(h->zh);
    say("close %s -> %s", h->name, code(rc));
    for (int i = 0; i < h->events; i++) say("  late %s", h->event[i]);
    free(h);
}

static void synced(int rc, const char *value, const void *data) {
    struct handle *h = (struct handle *)data;
    (void)value;
    record(h, code(rc), ZOO_SESSION_EVENT, 0, "sync");
}

static void collect(struct handle *h) {
    struct timespec end = end_of_patience();
    int had;
    int rc = zoo_async(h->zh, "/", synced, h);
    if (rc != ZOK) fail("%s: sync could not be sent: %s", h->name, code(rc));
    pthread_mutex_lock(&h->lock);
    for (;;) {
        had = h->events;
        if (had > 0 && strstr(h->event[had - 1], "session on sync") != NULL) break;
        if (pthread_cond_timedwait(&h->changed, &h->lock, &end) == ETIMEDOUT)
            fail("%s: no answer to sync after %d s", h->name, PATIENCE_S);
    }
    if (strncmp(h->event[had - 1], "ZOK ", 4) != 0)
        fail("%s: sync was answered: %s", h->name, h->event[had - 1]);
    h->events = had - 1;
    pthread_mutex_unlock(&h->lock);
}

static int by_line(const void *a, const void *b) { return strcmp(a, b); }

static void print_events(struct handle *h) {
    for (int i = 0; i < h->events; i++) say("  %s", h->event[i]);
    if (h->events == 0) say("  no event");
    h->events = 0;
}

void drain(struct handle *h) {
    collect(h);
    print_events(h);
}

void drain_sorted(struct handle *h) {
    collect(h);
    qsort(h->event, (size_t)h->events, sizeof h->event[0], by_line);
    print_events(h);
}
