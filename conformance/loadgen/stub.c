/* A server that answers each request at once with a fixed reply for its kind: the ceiling that
 * the generator and the loopback set.  It stores nothing; a setData tells all who watch. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "loadgen.h"

enum { EVENTS = 256, BUFFER_BYTES = 1 << 16, CLIENTS_MAX = 16384, EVENT_BYTES = 40 };

struct client {
    int fd;
    bool greeted;
    bool watches;
    size_t length;
    uint8_t *in;
};

static struct client *clients[CLIENTS_MAX];
static uint8_t replies[BUFFER_BYTES * 4];
static int watching;
static int64_t last_session = 0x100000000000000;

static size_t greet(const uint8_t *request, uint8_t *out)
{
    memset(out, 0, HANDSHAKE_REPLY_BYTES);
    put_i32(out, HANDSHAKE_REPLY_BYTES - 4);
    put_i32(out + 8, get_i32(request + 12));
    put_i64(out + 12, ++last_session);
    put_i32(out + 20, 16);
    return HANDSHAKE_REPLY_BYTES;
}

static void tell_watchers(void)
{
    uint8_t event[EVENT_BYTES] = {0};
    put_i32(event, EVENT_BYTES - 4);
    put_i32(event + 4, XID_NOTIFICATION);
    put_i64(event + 8, -1);
    put_i32(event + 20, 3);
    put_i32(event + 24, 3);
    put_i32(event + 28, 8);
    memcpy(event + 32, "/watched", 8);
    for (int i = 0; i < CLIENTS_MAX && watching > 0; i++) {
        if (clients[i] && clients[i]->watches) {
            clients[i]->watches = false;
            watching--;
            send_all(clients[i]->fd, event, sizeof event);
        }
    }
}

/* Writes the body of a reply; the sizes are those of real replies about 100-byte znodes. */
static size_t body(int32_t op, uint8_t *out, size_t value_bytes)
{
    switch (op) {
    case OP_GET:
        memset(out, 0, 4 + value_bytes + STAT_BYTES);
        put_i32(out, (int32_t)value_bytes);
        return 4 + value_bytes + STAT_BYTES;
    case OP_SET:
    case OP_EXISTS:
        memset(out, 0, STAT_BYTES);
        return STAT_BYTES;
    case OP_CREATE:
    case OP_SYNC:
    case OP_CHILDREN:
        memset(out, 0, 24);
        return 24;
    case OP_MULTI:
        memset(out, 0, 9);
        put_i32(out, -1);
        out[4] = 1;
        /* An empty multi's answer would read as a failure: one result stands before the end. */
        memmove(out + 9 + STAT_BYTES, out, 9);
        memset(out, 0, 9 + STAT_BYTES);
        put_i32(out, OP_SET);
        return 18 + STAT_BYTES;
    default:
        return 0;
    }
}

static size_t answer(struct client *c, const uint8_t *request, size_t length, uint8_t *out,
                     size_t value_bytes)
{
    if (!c->greeted) {
        c->greeted = true;
        return greet(request, out);
    }
    int32_t op = get_i32(request + 4);
    put_i32(out + 4, get_i32(request));
    put_i64(out + 8, 1);
    put_i32(out + 16, 0);
    size_t bytes = 20 + body(op, out + 20, value_bytes);
    put_i32(out, (int32_t)bytes - 4);
    if (op == OP_GET && request[length - 1] && !c->watches) {
        c->watches = true;
        watching++;
    }
    return bytes;
}

static void forget(struct client *c)
{
    clients[c->fd] = NULL;
    watching -= c->watches;
    close(c->fd);
    free(c->in);
    free(c);
}

/* Answers every complete request of one recv with one send. */
static void serve(struct client *c, size_t value_bytes)
{
    ssize_t got = recv(c->fd, c->in + c->length, BUFFER_BYTES - c->length, 0);
    if (got <= 0) {
        if (got == 0 || errno != EAGAIN)
            forget(c);
        return;
    }
    c->length += (size_t)got;
    size_t at = 0, made = 0;
    bool closing = false, changed = false;
    while (!closing && c->length - at >= 4) {
        size_t length = (size_t)(uint32_t)get_i32(c->in + at);
        if (c->length - at < 4 + length)
            break;
        if (made + value_bytes + 128 > sizeof replies) {
            send_all(c->fd, replies, made);
            made = 0;
        }
        const uint8_t *request = c->in + at + 4;
        int32_t op = c->greeted ? get_i32(request + 4) : 0;
        changed |= op == OP_SET;
        closing = op == OP_CLOSE;
        made += answer(c, request, length, replies + made, value_bytes);
        at += 4 + length;
    }
    if (changed)
        tell_watchers();
    send_all(c->fd, replies, made);
    c->length -= at;
    memmove(c->in, c->in + at, c->length);
    if (closing)
        forget(c);
}

static void welcome(int listener, int epoll)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    if (fd >= CLIENTS_MAX)
        fatal("the stub serves at most %d connections", CLIENTS_MAX);
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct client *c = must_alloc(1, sizeof *c);
    c->fd = fd;
    c->in = must_alloc(BUFFER_BYTES, 1);
    clients[fd] = c;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

int run_stub(const struct options *o)
{
    struct sockaddr_in address = o->address;
    socklen_t size = sizeof address;
    struct epoll_event events[EVENTS];
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1024))
        fatal("cannot listen on %s:%d: %s", o->host, o->ports[0], strerror(errno));
    getsockname(listener, (struct sockaddr *)&address, &size);
    printf("{\"port\": %d}\n", ntohs(address.sin_port));
    fflush(stdout);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event listening = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &listening);
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    char ignored[64];
    while (poll(&input, 1, 0) == 0 || read(STDIN_FILENO, ignored, sizeof ignored) > 0) {
        int ready = epoll_wait(epoll, events, EVENTS, 100);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.ptr)
                serve(events[i].data.ptr, o->value_bytes);
            else
                welcome(listener, epoll);
        }
    }
    return 0;
}
