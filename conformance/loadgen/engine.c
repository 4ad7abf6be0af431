/* The closed loop: each connection has `depth` requests outstanding; a reply makes room for
 * the next.  All replies of one recv are checked first, then all new requests leave in one send. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loadgen.h"

enum { EVENTS = 256, WAIT_MS = 100, READ_BYTES = 64 << 10 };

/* What waits for a reply this long is counted as lost. */
static const uint64_t DRAIN_NS = 10000000000u;

void engine_open(struct engine *e, const struct options *o, int depth_max)
{
    memset(e, 0, sizeof *e);
    e->count = o->connections;
    e->epoll = epoll_create1(EPOLL_CLOEXEC);
    /* A multi carries two values; 512 bytes hold its paths and headers. */
    e->request_bytes_max = 2 * o->value_bytes + 512;
    uint32_t slots = 1;
    while (slots < (uint32_t)depth_max)
        slots *= 2;
    e->pending_mask = slots - 1;
    e->conns = must_alloc((size_t)e->count, sizeof *e->conns);
    struct session *sessions = must_alloc((size_t)e->count, sizeof *sessions);
    open_sessions(o, sessions, e->count, o->at_once);
    for (int i = 0; i < e->count; i++) {
        struct conn *c = &e->conns[i];
        c->session = sessions[i];
        c->in_capacity = READ_BYTES;
        c->in = must_alloc(c->in_capacity, 1);
        c->out = must_alloc((size_t)depth_max, e->request_bytes_max);
        c->pending = must_alloc(slots, sizeof *c->pending);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
        epoll_ctl(e->epoll, EPOLL_CTL_ADD, c->session.fd, &event);
    }
    free(sessions);
}

static void lose(struct engine *e, struct conn *c)
{
    epoll_ctl(e->epoll, EPOLL_CTL_DEL, c->session.fd, NULL);
    close(c->session.fd);
    c->lost = true;
    e->lost++;
    e->active--;
    e->outstanding -= c->sent - c->answered;
}

static void want_write(struct engine *e, struct conn *c, bool wanted)
{
    if (c->wants_write == wanted)
        return;
    c->wants_write = wanted;
    struct epoll_event event = {.events = EPOLLIN | (wanted ? EPOLLOUT : 0), .data.ptr = c};
    epoll_ctl(e->epoll, EPOLL_CTL_MOD, c->session.fd, &event);
}

static void flush(struct engine *e, struct conn *c)
{
    while (c->out_length > 0) {
        ssize_t sent = send(c->session.fd, c->out + c->out_start, c->out_length, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            want_write(e, c, true);
            return;
        }
        if (sent < 0) {
            lose(e, c);
            return;
        }
        c->out_start += (size_t)sent;
        c->out_length -= (size_t)sent;
    }
    c->out_start = 0;
    want_write(e, c, false);
}

static void refill(struct engine *e, struct conn *c)
{
    if (c->out_start > 0) {
        memmove(c->out, c->out + c->out_start, c->out_length);
        c->out_start = 0;
    }
    uint64_t now = now_ns();
    while (!e->stopped && c->sent - c->answered < (uint32_t)e->depth) {
        struct pending *p = &c->pending[c->sent & e->pending_mask];
        int32_t xid = (int32_t)(c->sent + 1);
        size_t length = e->source(e->context, c, xid, c->out + c->out_length, &p->op);
        if (length == 0)
            break;
        p->sent_ns = now;
        c->out_length += length;
        c->sent++;
        e->outstanding++;
    }
    flush(e, c);
}

/* The fewest bytes that a successful reply to `op` has after its header. */
static int32_t body_bytes_min(int32_t op)
{
    switch (op) {
    case OP_GET:
        return 4 + STAT_BYTES;
    case OP_SET:
    case OP_EXISTS:
        return STAT_BYTES;
    case OP_CREATE:
    case OP_SYNC:
    case OP_CHILDREN:
        return 4;
    case OP_MULTI:
        return 9;
    default:
        return 0;
    }
}

static void check_reply(struct engine *e, struct conn *c, const uint8_t *reply, int32_t length,
                        uint64_t now)
{
    int32_t xid = get_i32(reply);
    int32_t error = get_i32(reply + 12);
    if (xid == XID_NOTIFICATION || xid == XID_PING)
        return;
    if (c->answered == c->sent) {
        e->wrong_xids++; /* An answer to nothing. */
        return;
    }
    const struct pending *p = &c->pending[c->answered & e->pending_mask];
    e->wrong_xids += xid != (int32_t)(c->answered + 1);
    c->answered++;
    e->outstanding--;
    if (error == 0 && length < REPLY_HEADER_BYTES + body_bytes_min(p->op))
        error = -4; /* Cut short: as bad as a lost reply. */
    if (error == 0 && p->op == OP_MULTI && get_i32(reply + REPLY_HEADER_BYTES) == -1)
        error = get_i32(reply + REPLY_HEADER_BYTES + 5);
    if (error != 0 && error != e->tolerated_error) {
        e->errors++;
        e->first_error = e->first_error ? e->first_error : error;
    }
    if (e->measuring) {
        e->ops++;
        histogram_add(&e->latencies, now - p->sent_ns);
    }
}

/* Takes the complete frames out of the input buffer; false if the bytes make no frame. */
static bool take_frames(struct engine *e, struct conn *c, uint64_t now)
{
    size_t at = 0;
    int32_t length = 0;
    while (c->in_length - at >= 4) {
        length = get_i32(c->in + at);
        if (length < REPLY_HEADER_BYTES || length > FRAME_BYTES_MAX)
            return false;
        if (c->in_length - at - 4 < (size_t)length)
            break;
        check_reply(e, c, c->in + at + 4, length, now);
        at += 4 + (size_t)length;
    }
    c->in_length -= at;
    memmove(c->in, c->in + at, c->in_length);
    if (c->in_length == c->in_capacity) {
        c->in_capacity *= 2;
        c->in = realloc(c->in, c->in_capacity);
        if (!c->in)
            fatal("no memory for a frame of %d bytes", length);
    }
    return true;
}

static void serve(struct engine *e, struct conn *c, uint32_t events)
{
    if (c->lost)
        return;
    if (events & EPOLLOUT)
        flush(e, c);
    if (c->lost || !(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        return;
    ssize_t got = recv(c->session.fd, c->in + c->in_length, c->in_capacity - c->in_length, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        lose(e, c);
        return;
    }
    c->in_length += (size_t)got;
    if (!take_frames(e, c, now_ns())) {
        lose(e, c);
        return;
    }
    refill(e, c);
}

static void start(struct engine *e, int active, int depth)
{
    e->depth = depth;
    e->stopped = false;
    e->active = 0;
    for (int i = 0; i < e->count; i++)
        e->active += !e->conns[i].lost;
    for (int i = 0; i < active; i++)
        if (!e->conns[i].lost)
            refill(e, &e->conns[i]);
}

static void turn(struct engine *e)
{
    struct epoll_event events[EVENTS];
    int ready = epoll_wait(e->epoll, events, EVENTS, WAIT_MS);
    for (int i = 0; i < ready; i++)
        serve(e, events[i].data.ptr, events[i].events);
}

/* Lets the outstanding replies come in; those that do not are lost. */
static void drain(struct engine *e)
{
    e->stopped = true;
    uint64_t deadline = now_ns() + DRAIN_NS;
    while (e->outstanding > 0 && e->active > 0 && now_ns() < deadline)
        turn(e);
    e->lost += e->outstanding > 0;
}

void engine_run_out(struct engine *e, int active, int depth)
{
    start(e, active, depth);
    uint64_t heard = now_ns();
    long before = e->outstanding;
    while (e->outstanding > 0 && e->active > 0 && now_ns() - heard < DRAIN_NS) {
        uint32_t answered = 0;
        for (int i = 0; i < active; i++)
            answered += e->conns[i].answered;
        if ((long)answered != before)
            heard = now_ns();
        before = answered;
        turn(e);
    }
    e->lost += e->outstanding > 0;
}

double engine_run_for(struct engine *e, double warmup_s, double seconds, double *cpu_s)
{
    start(e, e->count, e->depth);
    uint64_t begin = now_ns() + (uint64_t)(warmup_s * 1e9);
    while (now_ns() < begin && e->active > 0)
        turn(e);
    double cpu_before = cpu_seconds();
    begin = now_ns();
    uint64_t end = begin + (uint64_t)(seconds * 1e9), now = begin;
    e->measuring = true;
    for (; now < end && e->active > 0; now = now_ns())
        turn(e);
    e->measuring = false;
    *cpu_s = cpu_seconds() - cpu_before;
    drain(e);
    return (double)(now - begin) / 1e9;
}

/* Ends each session properly, so that the server's next case does not carry them. */
void engine_close(struct engine *e)
{
    uint8_t frame[64];
    for (int i = 0; i < e->count; i++) {
        struct conn *c = &e->conns[i];
        if (!c->lost)
            send_all(c->session.fd, frame, encode_header_only(frame, 0, OP_CLOSE));
    }
    for (int i = 0; i < e->count; i++) {
        struct conn *c = &e->conns[i];
        if (!c->lost)
            await_end(c->session.fd);
    }
    close(e->epoll);
}
