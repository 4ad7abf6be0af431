/* Sessions opened and closed as fast as they go, and sessions kept idle. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loadgen.h"

enum { EVENTS = 256, WAIT_MS = 100, FRAME_BYTES = 256 };

/* Pings that are not answered for this long after the end are given up. */
static const uint64_t PONG_NS = 1000000000;

enum stage { CONNECTING, IN_HANDSHAKE, CLOSING, ENDING };

struct slot {
    int fd;
    enum stage stage;
    uint64_t begun_ns;
};

struct churn {
    const struct options *options;
    int epoll;
    bool measuring;
    uint32_t begun;
    uint64_t ended;
    uint64_t errors;
    struct histogram durations;
};

static void slot_begin(struct churn *churn, struct slot *slot)
{
    slot->begun_ns = now_ns();
    slot->fd = connect_start(churn->options, churn->begun++);
    slot->stage = CONNECTING;
    struct epoll_event event = {.events = EPOLLOUT, .data.ptr = slot};
    epoll_ctl(churn->epoll, EPOLL_CTL_ADD, slot->fd, &event);
}

static void slot_end(struct churn *churn, struct slot *slot, bool clean)
{
    close(slot->fd);
    churn->errors += !clean;
    if (churn->measuring && clean) {
        churn->ended++;
        histogram_add(&churn->durations, now_ns() - slot->begun_ns);
    }
    slot_begin(churn, slot);
}

/* One step of a session's life: connect, handshake, closeSession, its reply, the end. */
static void slot_step(struct churn *churn, struct slot *slot, uint32_t events)
{
    uint8_t frame[FRAME_BYTES];
    struct session session;
    int error = 0;
    socklen_t size = sizeof error;
    if (slot->stage == CONNECTING) {
        getsockopt(slot->fd, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error || (events & EPOLLERR)) {
            slot_end(churn, slot, false);
            return;
        }
        send_all(slot->fd, frame, encode_handshake(frame, churn->options->timeout_ms));
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = slot};
        epoll_ctl(churn->epoll, EPOLL_CTL_MOD, slot->fd, &event);
        slot->stage = IN_HANDSHAKE;
    } else if (slot->stage == IN_HANDSHAKE) {
        if (!read_lone_frame(slot->fd, frame, sizeof frame) ||
            !handshake_accepted(frame, &session)) {
            slot_end(churn, slot, false);
            return;
        }
        send_all(slot->fd, frame, encode_header_only(frame, 1, OP_CLOSE));
        slot->stage = CLOSING;
    } else if (slot->stage == CLOSING) {
        if (!read_lone_frame(slot->fd, frame, sizeof frame) || get_i32(frame + 4) != 1 ||
            get_i32(frame + 16) != 0) {
            slot_end(churn, slot, false);
            return;
        }
        slot->stage = ENDING;
    } else {
        slot_end(churn, slot, recv(slot->fd, frame, sizeof frame, 0) <= 0);
    }
}

static uint64_t churn_until(struct churn *churn, uint64_t end)
{
    struct epoll_event events[EVENTS];
    uint64_t now = now_ns();
    for (; now < end; now = now_ns()) {
        int ready = epoll_wait(churn->epoll, events, EVENTS, WAIT_MS);
        for (int i = 0; i < ready; i++)
            slot_step(churn, events[i].data.ptr, events[i].events);
    }
    return now;
}

int run_connect(const struct options *o)
{
    static struct churn churn;
    churn.options = o;
    churn.epoll = epoll_create1(EPOLL_CLOEXEC);
    struct slot *slots = must_alloc((size_t)o->at_once, sizeof *slots);
    for (int i = 0; i < o->at_once; i++)
        slot_begin(&churn, &slots[i]);
    churn_until(&churn, now_ns() + (uint64_t)(o->warmup_s * 1e9));
    churn.measuring = true;
    uint64_t begin = now_ns();
    uint64_t end = churn_until(&churn, begin + (uint64_t)(o->seconds * 1e9));
    double seconds = (double)(end - begin) / 1e9;
    printf("{\"mode\": \"connect\", \"at_once\": %d, \"ops\": %llu, \"seconds\": %.4f, "
           "\"ops_per_s\": %.1f, ",
           o->at_once, (unsigned long long)churn.ended, seconds, (double)churn.ended / seconds);
    histogram_print(&churn.durations);
    printf(", \"errors\": %llu, \"wrong_xids\": 0, \"lost\": 0}\n",
           (unsigned long long)churn.errors);
    return churn.errors ? 1 : 0;
}

struct idler {
    struct session *sessions;
    uint64_t *pinged_ns;
    int count;
    int epoll;
    long next;
    long sent;
    long lost;
    struct histogram pings;
};

static void read_pongs(struct idler *idler, int wait_ms)
{
    struct epoll_event events[EVENTS];
    uint8_t frame[FRAME_BYTES];
    int ready = epoll_wait(idler->epoll, events, EVENTS, wait_ms);
    for (int i = 0; i < ready; i++) {
        uint32_t index = events[i].data.u32;
        struct session *s = &idler->sessions[index];
        if (read_frame(s->fd, frame, sizeof frame) && get_i32(frame + 4) == XID_PING) {
            histogram_add(&idler->pings, now_ns() - idler->pinged_ns[index]);
            continue;
        }
        close(s->fd);
        s->fd = -1;
        idler->lost++;
    }
}

/* Each session is pinged three times in its timeout, the sessions one after the other. */
static void send_pings(struct idler *idler, uint64_t begin, int timeout_ms)
{
    double each_ns = (double)timeout_ms * 1e6 / 3.0 / idler->count;
    long due = (long)((double)(now_ns() - begin) / each_ns);
    uint8_t frame[FRAME_BYTES];
    for (; idler->next < due; idler->next++) {
        int index = (int)(idler->next % idler->count);
        if (idler->sessions[index].fd < 0)
            continue;
        idler->pinged_ns[index] = now_ns();
        idler->sent++;
        send_all(idler->sessions[index].fd, frame, encode_header_only(frame, XID_PING, OP_PING));
    }
}

int run_idle(const struct options *o)
{
    static struct idler idler;
    idler.count = o->connections;
    idler.sessions = must_alloc((size_t)idler.count, sizeof *idler.sessions);
    idler.pinged_ns = must_alloc((size_t)idler.count, sizeof *idler.pinged_ns);
    uint64_t begin = now_ns();
    open_sessions(o, idler.sessions, idler.count, o->at_once);
    printf("{\"ready\": true, \"sessions\": %d, \"open_s\": %.4f}\n", idler.count,
           (double)(now_ns() - begin) / 1e9);
    fflush(stdout);
    idler.epoll = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < idler.count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)i};
        epoll_ctl(idler.epoll, EPOLL_CTL_ADD, idler.sessions[i].fd, &event);
    }
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    char ignored[64];
    begin = now_ns();
    while (poll(&input, 1, 0) == 0 || read(STDIN_FILENO, ignored, sizeof ignored) > 0) {
        send_pings(&idler, begin, idler.sessions[0].timeout_ms);
        read_pongs(&idler, 5);
    }
    uint64_t end = now_ns() + PONG_NS;
    while ((long)idler.pings.count < idler.sent && now_ns() < end)
        read_pongs(&idler, 5);
    printf("{\"mode\": \"idle\", \"connections\": %d, \"ops\": %llu, ", idler.count,
           (unsigned long long)idler.pings.count);
    histogram_print(&idler.pings);
    printf(", \"errors\": 0, \"wrong_xids\": 0, \"lost\": %ld}\n", idler.lost);
    return idler.lost ? 1 : 0;
}
