/*
 * A scripted job on libzookeeper that prints what it saw.
 *
 * Arguments: the server's address, the address of a proxy to it, and the address where
 * the proxy takes orders (conformance/clients/c/link.py). Exit status 1 with a message on
 * standard error means that the job could not be done, not that a server is wrong.
 */
#include <signal.h>
#include "transcript.h"

#include <stdio.h>

int main(int argc, char **argv) {
    if (argc < 4 || argc > 5)
        fail("usage: %s SERVER LINK CONTROL (each host:port) [CERTIFICATES]", argv[0]);
    if (argc == 5) certificates = argv[4];
    const char *address = argv[1], *link = argv[2], *control = argv[3];
    zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
    /* Under TLS the library writes to connections that are gone. */
    signal(SIGPIPE, SIG_IGN);
    /* A line is out when it is printed, so a failure shows how far the job got. */
    setvbuf(stdout, NULL, _IOLBF, 0);
    job_create(address);
    job_read_write(address);
    job_access(address);
    job_multi(address);
    job_async(address);
    job_watch(address);
    job_server(address);
    job_session(address, link, control);
    job_reconnect(address, link, control);
    return 0;
}
