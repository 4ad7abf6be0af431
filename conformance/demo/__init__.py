"""What the server can do, shown in a few seconds by ordinary clients (``make demo``).

    __main__    starts a real server process, plays the scenes in order, prints and sums up
    stage       what the scenes share: the server, a kazoo client, what must survive
    scenes      znodes, a watch, an ephemeral, a sequence, a multi, by kazoo
    java_shell  the same server used by Apache's own command line client, where a JVM is
    crash       SIGKILL in the middle of a load, a restart, and the proof that all is there

A scene returns the sentence that is printed. It returns it only after it has checked what
the sentence says; otherwise it raises :class:`~conformance.demo.stage.DemoFailed`, the demo
says so and ends with exit code 1.
"""
