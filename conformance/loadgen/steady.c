/* A measured run of one workload, and `fill`, a run that ends when all is made. */
#include <stdio.h>

#include "loadgen.h"

enum { SETUP_DEPTH = 64 };

static int finish(struct engine *e, const struct options *o, double seconds, double cpu_s)
{
    unsigned long long answered = 0;
    for (int i = 0; i < e->count; i++)
        answered += e->conns[i].answered;
    printf("{\"mode\": \"%s\", \"connections\": %d, \"depth\": %d, \"ops\": %llu, "
           "\"seconds\": %.4f, \"ops_per_s\": %.1f, ",
           o->mode, o->connections, o->depth, (unsigned long long)e->ops, seconds,
           seconds > 0 ? (double)e->ops / seconds : 0.0);
    histogram_print(&e->latencies);
    printf(", \"answered\": %llu, \"errors\": %llu, \"first_error\": %d, "
           "\"wrong_xids\": %llu, \"lost\": %llu, \"cpu_share\": %.3f}\n",
           answered, (unsigned long long)e->errors, e->first_error,
           (unsigned long long)e->wrong_xids, (unsigned long long)e->lost,
           seconds > 0 ? cpu_s / seconds : 0.0);
    fflush(stdout);
    engine_close(e);
    return e->errors || e->wrong_xids || e->lost ? 1 : 0;
}

static void run_setup(struct engine *e, request_source source, int active)
{
    e->source = source;
    e->tolerated_error = ERR_NODE_EXISTS;
    engine_run_out(e, active, SETUP_DEPTH);
    e->tolerated_error = 0;
}

/* What one server has answered another one may not show yet. */
static void catch_up(struct engine *e, const struct options *o)
{
    if (o->port_count > 1)
        run_setup(e, workload_sync_next, e->count);
}

static int depth_max(const struct options *o)
{
    return o->depth > SETUP_DEPTH ? o->depth : SETUP_DEPTH;
}

int run_steady(const struct options *o)
{
    static struct engine e;
    static struct workload w;
    if (!workload_open(&w, o))
        fatal("there is no mode \"%s\"; --help lists the modes", o->mode);
    engine_open(&e, o, depth_max(o));
    e.context = &w;
    run_setup(&e, workload_setup_next, 1);
    catch_up(&e, o);
    if (workload_needs_private_parents(&w))
        run_setup(&e, workload_parents_next, e.count);
    double cpu_s = 0.0;
    e.source = workload_next;
    e.depth = o->depth;
    double seconds = engine_run_for(&e, o->warmup_s, o->seconds, &cpu_s);
    return finish(&e, o, seconds, cpu_s);
}

int run_fill(const struct options *o)
{
    static struct engine e;
    static struct workload w;
    workload_open(&w, o);
    engine_open(&e, o, depth_max(o));
    e.context = &w;
    run_setup(&e, fill_parents_next, 1);
    catch_up(&e, o);
    w.cursor = 0;
    e.source = fill_next;
    e.measuring = true;
    double cpu_before = cpu_seconds();
    uint64_t begin = now_ns();
    engine_run_out(&e, e.count, o->depth);
    e.measuring = false;
    double seconds = (double)(now_ns() - begin) / 1e9;
    return finish(&e, o, seconds, cpu_seconds() - cpu_before);
}
