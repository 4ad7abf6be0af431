/* Load generator for servers that speak the ZooKeeper wire protocol.
 *
 * One thread, raw sockets, epoll.  The parts, from the bottom up:
 *   wire.c       encodes requests and reads integers (jute: big-endian, no padding)
 *   histogram.c  latencies in logarithmic buckets, 64 to each power of two
 *   connect.c    opens sessions, many at a time, without blocking on any of them
 *   engine.c     keeps `depth` requests outstanding on each connection, checks each reply
 *   workload.c   decides what the next request is: the modes of the steady load
 *   steady.c     a measured run of a workload; `fill` is a run that ends
 *   sessions.c   sessions opened and closed per second; sessions kept idle
 *   watchers.c   fan-out of one change to many watchers; the first answer of a server
 *   stub.c       a server that answers at once, to measure the generator itself
 *   main.c       options
 * The result is one line of JSON on standard output; the exit status is 0 only if
 * every reply was there, in order and without an error.
 */
#ifndef LOADGEN_H
#define LOADGEN_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum opcode {
    OP_CREATE = 1,
    OP_DELETE = 2,
    OP_EXISTS = 3,
    OP_GET = 4,
    OP_SET = 5,
    OP_CHILDREN = 8,
    OP_SYNC = 9,
    OP_PING = 11,
    OP_MULTI = 14,
    OP_CLOSE = -11,
};

enum {
    ERR_NODE_EXISTS = -110,
    XID_NOTIFICATION = -1,
    XID_PING = -2,
    STAT_BYTES = 68,
    REPLY_HEADER_BYTES = 16,
    /* Apache's default jute.maxbuffer plus room for a reply's header: a longer frame is damage. */
    FRAME_BYTES_MAX = 2 << 20,
    PATH_BYTES_MAX = 64,
    HANDSHAKE_REPLY_BYTES = 41,
    PORTS_MAX = 64,
};

struct options {
    const char *mode;
    const char *host;
    /* The servers of an ensemble, all on one host: connection i goes to port i mod port_count. */
    int ports[PORTS_MAX];
    int port_count;
    int connections;
    int depth;
    int at_once;
    int rounds;
    int timeout_ms;
    int keys;
    int parents;
    long znodes;
    size_t value_bytes;
    double seconds;
    double warmup_s;
    uint64_t seed;
    uint64_t since_ns;
    /* Of the first port. */
    struct sockaddr_in address;
};

/* wire.c */
uint64_t now_ns(void);
/* Processor time that this process has used. */
double cpu_seconds(void);
_Noreturn void fatal(const char *format, ...) __attribute__((format(printf, 1, 2)));
void *must_alloc(size_t count, size_t size);
void put_i32(uint8_t *at, int32_t value);
void put_i64(uint8_t *at, int64_t value);
int32_t get_i32(const uint8_t *at);
int64_t get_i64(const uint8_t *at);

struct bytes {
    const void *data;
    size_t length;
};

size_t encode_handshake(uint8_t *out, int timeout_ms);
size_t encode_header_only(uint8_t *out, int32_t xid, enum opcode op);
size_t encode_path(uint8_t *out, int32_t xid, enum opcode op, struct bytes path);
size_t encode_read(uint8_t *out, int32_t xid, enum opcode op, struct bytes path, bool watch);
size_t encode_set(uint8_t *out, int32_t xid, struct bytes path, struct bytes value);
size_t encode_create(uint8_t *out, int32_t xid, struct bytes path, struct bytes value);
size_t encode_delete(uint8_t *out, int32_t xid, struct bytes path);
size_t encode_multi_set(uint8_t *out, int32_t xid, const struct bytes paths[2], struct bytes value);

/* histogram.c: values in nanoseconds */
enum { SUB_BUCKET_BITS = 6, BUCKETS = 60 << SUB_BUCKET_BITS };

struct histogram {
    uint64_t count;
    uint64_t max_ns;
    uint64_t buckets[BUCKETS];
};

void histogram_add(struct histogram *h, uint64_t ns);
/* The smallest value, to a bucket's width, that `fraction` of the values do not exceed; in us. */
double histogram_us(const struct histogram *h, double fraction);
void histogram_print(const struct histogram *h);
/* The median of `count` values, which are put in order. */
double median(double *values, int count);

/* connect.c */
struct session {
    int fd;
    int64_t id;
    int timeout_ms;
};

/* The port to which the connection of that number goes. */
int port_of(const struct options *o, uint32_t index);
int connect_start(const struct options *o, uint32_t index);
/* The negotiated session in a complete ConnectResponse frame; false if it was refused. */
bool handshake_accepted(const uint8_t *frame, struct session *s);
/* Opens `count` sessions, at most `at_once` being negotiated; ends the program on failure. */
void open_sessions(const struct options *o, struct session *sessions, int count, int at_once);
void send_all(int fd, const uint8_t *data, size_t length);
/* Reads one frame into `frame` (its length prefix included); false at the connection's end. */
bool read_frame(int fd, uint8_t *frame, size_t capacity);
/* The same where only one frame can be on its way: with one recv if it came in one piece. */
bool read_lone_frame(int fd, uint8_t *frame, size_t capacity);
/* Reads until the server has closed the connection, or is silent, and closes it here. */
void await_end(int fd);

/* engine.c */
struct pending {
    uint64_t sent_ns;
    int32_t op;
};

struct conn {
    struct session session;
    uint32_t sent;
    uint32_t answered;
    /* For create and crdel: how many requests were made, and the path they are made of. */
    uint32_t made;
    size_t own_parent_bytes;
    char own_path[PATH_BYTES_MAX];
    bool lost;
    bool wants_write;
    bool synced;
    uint8_t *in;
    size_t in_length;
    size_t in_capacity;
    uint8_t *out;
    size_t out_start;
    size_t out_length;
    struct pending *pending;
};

struct engine;
/* Writes the next request of `c` and its opcode; returns its length, 0 when there is no more. */
typedef size_t (*request_source)(void *context, struct conn *c, int32_t xid, uint8_t *out,
                                 int32_t *op);

struct engine {
    int epoll;
    struct conn *conns;
    int count;
    int depth;
    uint32_t pending_mask;
    size_t request_bytes_max;
    request_source source;
    void *context;
    int tolerated_error;
    bool stopped;
    bool measuring;
    int active;
    long outstanding;
    uint64_t ops;
    uint64_t errors;
    uint64_t wrong_xids;
    uint64_t lost;
    int first_error;
    struct histogram latencies;
};

void engine_open(struct engine *e, const struct options *o, int depth_max);
/* Runs until the source has no more requests and all are answered; on the first `active` conns. */
void engine_run_out(struct engine *e, int active, int depth);
/* Runs for warm-up and measured seconds, then waits for what is outstanding; returns seconds. */
double engine_run_for(struct engine *e, double warmup_s, double seconds, double *cpu_s);
void engine_close(struct engine *e);

/* workload.c */
struct workload {
    const struct options *options;
    int32_t kind;
    uint64_t random;
    struct bytes value;
    char *key_paths;
    size_t key_path_bytes;
    char root[PATH_BYTES_MAX];
    long cursor;
};

bool workload_open(struct workload *w, const struct options *o);
bool workload_needs_private_parents(const struct workload *w);
size_t workload_setup_next(void *context, struct conn *c, int32_t xid, uint8_t *out, int32_t *op);
size_t workload_sync_next(void *context, struct conn *c, int32_t xid, uint8_t *out, int32_t *op);
size_t workload_parents_next(void *context, struct conn *c, int32_t xid, uint8_t *out, int32_t *op);
size_t workload_next(void *context, struct conn *c, int32_t xid, uint8_t *out, int32_t *op);
size_t fill_parents_next(void *context, struct conn *c, int32_t xid, uint8_t *out, int32_t *op);
size_t fill_next(void *context, struct conn *c, int32_t xid, uint8_t *out, int32_t *op);

/* The modes; each returns the exit status. */
int run_steady(const struct options *o);
int run_fill(const struct options *o);
int run_connect(const struct options *o);
int run_idle(const struct options *o);
int run_fanout(const struct options *o);
int run_first(const struct options *o);
int run_stub(const struct options *o);

#endif
