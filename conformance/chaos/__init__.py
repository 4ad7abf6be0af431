"""Breaks an ensemble of real processes under load, and proves that it kept its promises.

    kazoo clients ──> server 1 ──┐                  faults    one every few seconds: kill,
    loadgen       ──> server 2 ──┼─ proxies (mesh)            pause, cut, delay, reset
    probes        ──> server 3 ──┘                  probes    when writes work, through whom

Everything is on the loopback address. Between any two servers lie TCP proxies of ours, one
for each direction of dialling, so that the bytes from one server to another can be held,
one way or both ways, or delayed (:mod:`~conformance.chaos.mesh`). An Apache server has its
own list of addresses for that. Ours agree on one list, so they run with sockets that connect
to the proxies (:mod:`~conformance.chaos.redirect`); nothing in the servers knows of it.

Each client notes every operation with its invocation, its answer and the monotonic times of
both (:mod:`~conformance.chaos.history`). An operation without an answer may have happened or
not, then or later. At the end everything is healed, and :mod:`~conformance.chaos.verify`
checks that

* every acknowledged write is there, on every server, and nothing that was never written;
* per register (a znode with unique values) writes and reads behind a ``sync`` are
  linearizable (:mod:`~conformance.chaos.linearize`);
* no session sees a znode go back in time;
* a session that was moved to another server keeps its ephemeral, one that ended does not;
* all servers hold the same tree, zxids included.

``python -m conformance.chaos run`` does all that. ``... recover`` measures how long there are
no writes after a kill of the leader, ``... bridge`` which servers take writes while the outer
ones cannot see each other, on our ensemble and on Apache's.
"""
