/*
 * What the parts of the job print with.
 *
 * Results are printed by the thread that made the call. Events arrive on a thread of
 * the library, so a handle collects them, and drain() prints them: it sends a sync,
 * whose answer travels behind every event that the server had sent before, and waits
 * for it. Times and ids are not printed but compared with each other, and that is.
 */
#ifndef CONFORMANCE_TRANSCRIPT_H
#define CONFORMANCE_TRANSCRIPT_H

#include <pthread.h>
#include <zookeeper/zookeeper.h>

#define EVENTS_MAX 256
#define LINE_MAX_BYTES 512

/* A client of the server, with what its watchers have seen. */
struct handle {
    zhandle_t *zh;
    const char *name;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* The session's latest state, as told to the session watcher. */
    int state;
    /* How often the session watcher was told that the session is connected. */
    int connections;
    int events;
    char event[EVENTS_MAX][LINE_MAX_BYTES];
};

/* Connects and waits until the session is there or refused; `id` may be NULL. */
/* Of the library under TLS: authority, certificate, key, password, with commas; or NULL. */
extern const char *certificates;

struct handle *open_handle(const char *name, const char *address, const clientid_t *id,
                           int timeout_ms, int flags);
/* Closes the session and frees the handle. */
void close_handle(struct handle *h);
/* Waits until the session watcher was told `state`; ends the program after 30 s. */
void wait_state(struct handle *h, int state);
/* Waits until the session watcher was told another state than `state`. */
void wait_not_state(struct handle *h, int state);
/* Waits until the session watcher was told of the n-th connection of the session. */
void wait_connection(struct handle *h, int n);
/* Prints the events of all that happened before, in the order they came. */
void drain(struct handle *h);
/* The same, sorted: for events whose order nobody promises. */
void drain_sorted(struct handle *h);
/* A watcher to be registered with a handle as its context. */
void node_watcher(zhandle_t *zh, int type, int state, const char *path, void *context);
/* A second one, for two watchers on one path. */
void other_watcher(zhandle_t *zh, int type, int state, const char *path, void *context);

void section(const char *title);
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The name of an error code as zookeeper.h spells it. */
const char *code(int rc);
const char *state_name(int state);
/* Ends the program with a message on standard error. */
void fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
/* Prints a Stat on a line of its own, seen from the session of `h`. */
void say_stat(const struct handle *h, const struct Stat *stat);
/* Prints names, sorted: the server promises no order. */
void say_names(const struct String_vector *names);
void say_acl(const struct ACL_vector *acl);

/* The parts of the job. */
void job_create(const char *address);
void job_read_write(const char *address);
void job_access(const char *address);
void job_multi(const char *address);
void job_async(const char *address);
void job_watch(const char *address);
void job_server(const char *address);
void job_session(const char *address, const char *link, const char *control);
void job_reconnect(const char *address, const char *link, const char *control);

#endif
