"""Throws any bytes at a server while a well-behaved client uses it.

    plan      conversation number n of a seed -> its inputs; pure, so a run can be replayed
    requests  valid requests of every operation; mutations  what makes them wrong
    player    plays conversations over sockets, several at a time, and classifies the outcomes
    control   the well-behaved client, and the cleaner that deletes what fuzzing creates
    vitals    the server process from outside: alive, memory, descriptors, log

Whatever comes in, a server may answer it, close that one connection, or ignore it. It may not
fail the control client, make it wait for long, die, leak memory or descriptors, leave a
connection hanging, or log a traceback.
"""
