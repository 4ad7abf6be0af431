"""Kills a server with SIGKILL under write load, restarts it, and checks that nothing was lost.

    rounds:   load -> kill -> restart -> check -> load -> ...
    writer    one session; sends pipelined writes into a subtree of its own and into a shared
              one, and notes what it sent and what was answered
    workload  the writes, and the model that says what a subtree looks like after k of them
    checker   reads the tree after the restart and looks for a k that explains it

What is checked rests on ZooKeeper's promises that a session's writes take effect in the order
sent and that an answered write is durable: after a crash the subtree of a writer that sent n
writes, of which a were answered, must equal the model after exactly k of them with a <= k <= n.
That one statement covers lost, invented, reordered and half-applied writes, versions,
child counts and sequence numbers. The shared subtree must then agree with every writer's k.

SIGKILL ends the process, not the machine: what the server handed to the kernel survives. A
server that answers before writing is caught; one that forgets fsync is not.
"""
