/* Options, and which mode they ask for. */
#include <arpa/inet.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "loadgen.h"

static const char USAGE[] =
    "usage: loadgen MODE --port P [options]     (loadgen --stub [--port P] serves at once)\n"
    "       loadgen MODE --ports P,Q,R [options] (an ensemble: connections are dealt out in turn)\n"
    "steady load:  get exists children set create crdel mix multi2 sync\n"
    "others:       connect   sessions opened and closed per second, --at-once of them at a time\n"
    "              fanout    a change told to --connections watchers, --rounds times\n"
    "              idle      --connections sessions kept until standard input ends\n"
    "              fill      creates --znodes znodes below --parents parents\n"
    "              first     waits at most --seconds for the first answer to a getData of /\n"
    "  --host H (127.0.0.1)   --port P            where the server listens\n"
    "  --connections N (50)   --depth N (1)       outstanding requests on each connection\n"
    "  --seconds S (3)        --warmup S (0.5)    measured time, time before it\n"
    "  --value-bytes N (100)  --keys N (1000)     znodes of the steady load, a multiple of ten\n"
    "  --at-once N (20)       --rounds N (5)      handshakes in flight; changes of fanout\n"
    "  --znodes N (1000000)   --parents N (1000)  what fill creates\n"
    "  --timeout-ms N (30000) --seed N (1)        session timeout; of values and choices\n"
    "  --since-ns N (start of this process)       CLOCK_MONOTONIC time from which `first` counts\n";

static const struct option LONG_OPTIONS[] = {
    {"host", required_argument, NULL, 'h'},        {"port", required_argument, NULL, 'p'},
    {"connections", required_argument, NULL, 'c'}, {"depth", required_argument, NULL, 'd'},
    {"seconds", required_argument, NULL, 's'},     {"warmup", required_argument, NULL, 'w'},
    {"value-bytes", required_argument, NULL, 'v'}, {"keys", required_argument, NULL, 'k'},
    {"at-once", required_argument, NULL, 'a'},     {"rounds", required_argument, NULL, 'r'},
    {"znodes", required_argument, NULL, 'z'},      {"parents", required_argument, NULL, 'P'},
    {"timeout-ms", required_argument, NULL, 't'},  {"seed", required_argument, NULL, 'S'},
    {"since-ns", required_argument, NULL, 'n'},    {"ports", required_argument, NULL, 'q'},
    {"stub", no_argument, NULL, 'b'},              {"help", no_argument, NULL, '?'},
    {NULL, 0, NULL, 0},
};

static long number(const char *text, long least, long most)
{
    char *end;
    long value = strtol(text, &end, 10);
    if (*end || end == text || value < least || value > most)
        fatal("\"%s\" is not a whole number from %ld to %ld", text, least, most);
    return value;
}

static double seconds(const char *text)
{
    char *end;
    double value = strtod(text, &end);
    if (*end || end == text || value < 0 || value > 1e6)
        fatal("\"%s\" is not a number of seconds", text);
    return value;
}

static void take_ports(struct options *o, char *list)
{
    o->port_count = 0;
    for (char *part = strtok(list, ","); part; part = strtok(NULL, ",")) {
        if (o->port_count == PORTS_MAX)
            fatal("--ports takes at most %d ports", PORTS_MAX);
        o->ports[o->port_count++] = (int)number(part, 1, 65535);
    }
}

static void apply(struct options *o, int option)
{
    const int million = 1000000;
    switch (option) {
    case 'h': o->host = optarg; break;
    case 'p': case 'q': take_ports(o, optarg); break;
    case 'c': o->connections = (int)number(optarg, 1, million); break;
    case 'd': o->depth = (int)number(optarg, 1, 4096); break;
    case 's': o->seconds = seconds(optarg); break;
    case 'w': o->warmup_s = seconds(optarg); break;
    case 'v': o->value_bytes = (size_t)number(optarg, 0, million); break;
    case 'k': o->keys = (int)number(optarg, 10, million); break;
    case 'a': o->at_once = (int)number(optarg, 1, million); break;
    case 'r': o->rounds = (int)number(optarg, 1, 999); break;
    case 'z': o->znodes = number(optarg, 1, 10000000); break;
    case 'P': o->parents = (int)number(optarg, 1, 10000); break;
    case 't': o->timeout_ms = (int)number(optarg, 1, 1000 * million); break;
    case 'S': o->seed = (uint64_t)number(optarg, 0, INT64_MAX); break;
    case 'n': o->since_ns = (uint64_t)number(optarg, 0, INT64_MAX); break;
    case 'b': o->mode = "stub"; break;
    default: fputs(USAGE, stdout); exit(optopt ? 2 : 0);
    }
}

static void resolve(struct options *o)
{
    o->address.sin_family = AF_INET;
    o->address.sin_port = htons((uint16_t)o->ports[0]);
    if (inet_pton(AF_INET, o->host, &o->address.sin_addr) != 1)
        fatal("\"%s\" is not an IPv4 address", o->host);
    if (o->port_count == 0 && strcmp(o->mode, "stub"))
        fatal("--port is missing: the port on which the server listens");
    if (o->keys % 10)
        fatal("--keys must be a multiple of ten: keys lie ten to a parent");
}

static void raise_file_limit(void)
{
    struct rlimit limit;
    if (!getrlimit(RLIMIT_NOFILE, &limit)) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int main(int argc, char **argv)
{
    static const struct {
        const char *mode;
        int (*run)(const struct options *);
    } modes[] = {
        {"connect", run_connect}, {"fanout", run_fanout}, {"idle", run_idle},
        {"fill", run_fill},       {"first", run_first},   {"stub", run_stub},
    };
    struct options o = {
        .host = "127.0.0.1", .connections = 50, .depth = 1, .at_once = 20, .rounds = 5,
        .timeout_ms = 30000, .keys = 1000, .parents = 1000, .znodes = 1000000,
        .value_bytes = 100, .seconds = 3, .warmup_s = 0.5, .seed = 1, .since_ns = now_ns(),
    };
    int option;
    while ((option = getopt_long(argc, argv, "", LONG_OPTIONS, NULL)) != -1)
        apply(&o, option);
    if (!o.mode && optind < argc)
        o.mode = argv[optind];
    if (!o.mode) {
        fputs(USAGE, stderr);
        return 2;
    }
    resolve(&o);
    raise_file_limit();
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (!strcmp(o.mode, modes[i].mode))
            return modes[i].run(&o);
    return run_steady(&o);
}
