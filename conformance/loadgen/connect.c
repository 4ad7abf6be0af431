/* Opening sessions: non-blocking connects and handshakes, a bounded number at a time. */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loadgen.h"

enum { EVENTS = 256, PATIENCE_MS = 30000, END_PATIENCE_MS = 2000 };

int port_of(const struct options *o, uint32_t index)
{
    return o->ports[index % (uint32_t)o->port_count];
}

int connect_start(const struct options *o, uint32_t index)
{
    struct sockaddr_in address = o->address;
    address.sin_port = htons((uint16_t)port_of(o, index));

    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        fatal("cannot open another socket: %s (raise the limit of open files)", strerror(errno));
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) && errno != EINPROGRESS)
        fatal("cannot connect to %s:%d: %s", o->host, port_of(o, index), strerror(errno));
    return fd;
}

void send_all(int fd, const uint8_t *data, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(fd, data, length, MSG_NOSIGNAL);
        if (sent >= 0) {
            data += sent;
            length -= (size_t)sent;
        } else if (errno == EAGAIN) {
            struct pollfd writable = {.fd = fd, .events = POLLOUT};
            poll(&writable, 1, PATIENCE_MS);
        } else if (errno != EINTR) {
            return; /* The reader of this connection will see its end. */
        }
    }
}

/* Reads exactly `length` bytes, waiting for them as long as PATIENCE_MS. */
static bool read_exactly(int fd, uint8_t *data, size_t length)
{
    while (length > 0) {
        ssize_t got = recv(fd, data, length, 0);
        if (got > 0) {
            data += got;
            length -= (size_t)got;
        } else if (got < 0 && errno == EAGAIN) {
            struct pollfd readable = {.fd = fd, .events = POLLIN};
            if (poll(&readable, 1, PATIENCE_MS) == 0)
                return false;
        } else if (got == 0 || errno != EINTR) {
            return false;
        }
    }
    return true;
}

bool read_frame(int fd, uint8_t *frame, size_t capacity)
{
    if (!read_exactly(fd, frame, 4))
        return false;
    int32_t length = get_i32(frame);
    if (length < 0 || (size_t)length + 4 > capacity)
        fatal("the server sent a frame of %d bytes where %zu is the most", length, capacity - 4);
    return read_exactly(fd, frame + 4, (size_t)length);
}

bool read_lone_frame(int fd, uint8_t *frame, size_t capacity)
{
    ssize_t got = recv(fd, frame, capacity, 0);
    if (got == 0 || (got < 0 && errno != EAGAIN))
        return false;
    size_t have = got > 0 ? (size_t)got : 0;
    if (have < 4) {
        if (!read_exactly(fd, frame + have, 4 - have))
            return false;
        have = 4;
    }
    size_t length = 4 + (size_t)(uint32_t)get_i32(frame);
    return length <= capacity && have <= length && read_exactly(fd, frame + have, length - have);
}

void await_end(int fd)
{
    uint8_t ignored[4096];
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    while (poll(&readable, 1, END_PATIENCE_MS) > 0 && recv(fd, ignored, sizeof ignored, 0) > 0)
        continue;
    close(fd);
}

bool handshake_accepted(const uint8_t *frame, struct session *s)
{
    s->timeout_ms = get_i32(frame + 8);
    s->id = get_i64(frame + 12);
    return s->timeout_ms > 0 && s->id != 0;
}

static void begin(const struct options *o, int epoll, struct session *s, int index)
{
    s->fd = connect_start(o, (uint32_t)index);
    struct epoll_event event = {.events = EPOLLOUT, .data.u32 = (uint32_t)index};
    epoll_ctl(epoll, EPOLL_CTL_ADD, s->fd, &event);
}

/* Moves one session on; true when it is established. */
static bool advance(const struct options *o, int epoll, struct session *s,
                    const struct epoll_event *event)
{
    uint8_t frame[64];
    int error = 0, port = port_of(o, event->data.u32);
    socklen_t size = sizeof error;
    getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error)
        fatal("cannot connect to %s:%d: %s", o->host, port, strerror(error));
    if (event->events & EPOLLIN) {
        if (!read_lone_frame(s->fd, frame, sizeof frame))
            fatal("%s:%d closed the connection in the handshake", o->host, port);
        if (!handshake_accepted(frame, s))
            fatal("%s:%d refused a new session", o->host, port);
        epoll_ctl(epoll, EPOLL_CTL_DEL, s->fd, NULL);
        return true;
    }
    send_all(s->fd, frame, encode_handshake(frame, o->timeout_ms));
    struct epoll_event next = {.events = EPOLLIN, .data.u32 = event->data.u32};
    epoll_ctl(epoll, EPOLL_CTL_MOD, s->fd, &next);
    return false;
}

void open_sessions(const struct options *o, struct session *sessions, int count, int at_once)
{
    struct epoll_event events[EVENTS];
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    int begun = 0, done = 0;
    while (done < count) {
        for (; begun < count && begun - done < at_once; begun++)
            begin(o, epoll, &sessions[begun], begun);
        int ready = epoll_wait(epoll, events, EVENTS, PATIENCE_MS);
        if (ready == 0)
            fatal("%s answered no handshake for %d s", o->host, PATIENCE_MS / 1000);
        for (int i = 0; i < ready; i++)
            done += advance(o, epoll, &sessions[events[i].data.u32], &events[i]);
    }
    close(epoll);
}
