/* One change told to many watchers, and the first answer of a starting server. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "loadgen.h"

enum { EVENTS = 256, PATIENCE_MS = 10000, FRAME_BYTES = 64 << 10, ROUNDS_MAX = 1000 };

static const struct bytes WATCHED = {"/watched", 8};

struct fanout {
    struct session *sessions;
    int count;
    int epoll;
    uint8_t *frame;
    uint64_t errors;
    uint64_t wrong_xids;
};

/* One exchange on a connection that has nothing else outstanding; the reply's error code. */
static int32_t ask(struct fanout *f, int fd, int32_t xid, size_t length)
{
    send_all(fd, f->frame, length);
    if (!read_lone_frame(fd, f->frame, FRAME_BYTES))
        fatal("the server closed a connection or was silent for 30 s");
    f->wrong_xids += get_i32(f->frame + 4) != xid;
    return get_i32(f->frame + 16);
}

static void arm(struct fanout *f, int32_t xid)
{
    for (int i = 0; i < f->count; i++)
        send_all(f->sessions[i].fd, f->frame, encode_read(f->frame, xid, OP_GET, WATCHED, true));
    for (int i = 0; i < f->count; i++) {
        if (!read_lone_frame(f->sessions[i].fd, f->frame, FRAME_BYTES))
            fatal("a watcher lost its connection");
        f->wrong_xids += get_i32(f->frame + 4) != xid;
        f->errors += get_i32(f->frame + 16) != 0;
    }
}

/* Changes the znode and times the notifications, in us since before the change was sent. */
static void tell(struct fanout *f, int setter, int32_t xid, struct bytes value, double *first_us,
                 double *last_us)
{
    struct epoll_event events[EVENTS];
    int told = 0;
    uint64_t begin = now_ns();
    send_all(setter, f->frame, encode_set(f->frame, xid, WATCHED, value));
    while (told < f->count) {
        int ready = epoll_wait(f->epoll, events, EVENTS, PATIENCE_MS);
        if (ready == 0)
            fatal("%d of %d watchers were told within %d s", told, f->count, PATIENCE_MS / 1000);
        for (int i = 0; i < ready; i++) {
            if (!read_lone_frame(events[i].data.fd, f->frame, FRAME_BYTES))
                fatal("a watcher lost its connection");
            f->wrong_xids += get_i32(f->frame + 4) != XID_NOTIFICATION;
            if (told++ == 0)
                *first_us = (double)(now_ns() - begin) / 1e3;
        }
    }
    *last_us = (double)(now_ns() - begin) / 1e3;
    f->errors += ask(f, setter, xid, 0) != 0;
}

int run_fanout(const struct options *o)
{
    static double first_us[ROUNDS_MAX], last_us[ROUNDS_MAX];
    struct fanout f = {.count = o->connections, .frame = must_alloc(1, FRAME_BYTES)};
    struct bytes value = {must_alloc(o->value_bytes, 1), o->value_bytes};
    int rounds = o->rounds < ROUNDS_MAX ? o->rounds : ROUNDS_MAX - 1;
    f.sessions = must_alloc((size_t)f.count + 1, sizeof *f.sessions);
    open_sessions(o, f.sessions, f.count + 1, o->at_once);
    f.epoll = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < f.count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = f.sessions[i].fd};
        epoll_ctl(f.epoll, EPOLL_CTL_ADD, f.sessions[i].fd, &event);
    }
    int setter = f.sessions[f.count].fd;
    int32_t made = ask(&f, setter, 1, encode_create(f.frame, 1, WATCHED, value));
    f.errors += made != 0 && made != ERR_NODE_EXISTS;
    /* A watcher's server may not show yet what the setter's has made. */
    for (int i = 0; o->port_count > 1 && i < f.count; i++) {
        int fd = f.sessions[i].fd;
        f.errors += ask(&f, fd, 1, encode_path(f.frame, 1, OP_SYNC, WATCHED)) != 0;
    }
    /* The first round warms up and is thrown away. */
    for (int round = 0; round <= rounds; round++) {
        int32_t xid = round + 2;
        arm(&f, xid);
        tell(&f, setter, xid, value, &first_us[round], &last_us[round]);
    }
    printf("{\"mode\": \"fanout\", \"connections\": %d, \"rounds\": %d, ", f.count, rounds);
    for (int round = 1; round <= rounds; round++)
        printf("\"last_%d_us\": %.1f, ", round, last_us[round]);
    printf("\"first_us\": %.1f, ", median(first_us + 1, rounds));
    printf("\"last_us\": %.1f, \"errors\": %llu, \"wrong_xids\": %llu, \"lost\": 0}\n",
           median(last_us + 1, rounds), (unsigned long long)f.errors,
           (unsigned long long)f.wrong_xids);
    return f.errors || f.wrong_xids ? 1 : 0;
}

/* Another loopback address than the server's: a socket that looks for a port without a listener
 * may otherwise be given that very port by the kernel and connect to itself. */
static int connect_from_elsewhere(const struct options *o)
{
    struct sockaddr_in source = {.sin_family = AF_INET};
    int on = 1;
    struct timeval patience = {.tv_sec = 2};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    bool loopback = ntohl(o->address.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    if (fd >= 0 && (!loopback || !bind(fd, (struct sockaddr *)&source, sizeof source)) &&
        !connect(fd, (const struct sockaddr *)&o->address, sizeof o->address))
        return fd;
    close(fd);
    return -1;
}

/* A blocking read of one frame; false at the end, on a reset or when the server is silent. */
static bool read_patiently(int fd, uint8_t *frame, size_t capacity)
{
    size_t have = 0, wanted = 4;
    while (have < wanted) {
        ssize_t got = recv(fd, frame + have, wanted - have, 0);
        if (got <= 0)
            return false;
        have += (size_t)got;
        if (have == 4)
            wanted = 4 + (size_t)(uint32_t)get_i32(frame);
        if (wanted > capacity)
            return false;
    }
    return true;
}

static bool answers(const struct options *o, uint8_t *frame)
{
    struct session session;
    struct bytes root = {"/", 1};
    int fd = connect_from_elsewhere(o);
    if (fd < 0)
        return false;
    send_all(fd, frame, encode_handshake(frame, o->timeout_ms));
    bool good = read_patiently(fd, frame, FRAME_BYTES) && handshake_accepted(frame, &session);
    if (good) {
        send_all(fd, frame, encode_read(frame, 1, OP_GET, root, false));
        good = read_patiently(fd, frame, FRAME_BYTES) && get_i32(frame + 16) == 0;
    }
    uint64_t answered_ns = now_ns();
    if (good) {
        uint64_t since = o->since_ns;
        printf("{\"mode\": \"first\", \"us\": %.1f, \"answered_ns\": %llu, \"errors\": 0, "
               "\"wrong_xids\": 0, \"lost\": 0}\n",
               since < answered_ns ? (double)(answered_ns - since) / 1e3 : 0.0,
               (unsigned long long)answered_ns);
        send_all(fd, frame, encode_header_only(frame, 2, OP_CLOSE));
        read_patiently(fd, frame, FRAME_BYTES);
    }
    close(fd);
    return good;
}

int run_first(const struct options *o)
{
    uint8_t *frame = must_alloc(1, FRAME_BYTES);
    struct timespec pause = {.tv_nsec = 200000};
    uint64_t deadline = now_ns() + (uint64_t)(o->seconds * 1e9);
    while (now_ns() < deadline) {
        if (answers(o, frame))
            return 0;
        nanosleep(&pause, NULL);
    }
    fatal("%s:%d gave no answer within %.0f s", o->host, o->ports[0], o->seconds);
}
