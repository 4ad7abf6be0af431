"""One server's brain: the tree, the sessions and the log pipeline, behind connections.

Pure: bytes and the time go in, reply bytes on connections and batches to persist come
out. It knows the wire, the tree and Paxos, and nothing of sockets, files or clocks.

A write travels like this::

    frame -> open batch -> take_batch() -> [shell: log append, fdatasync] -> persisted()
          -> decided by a majority -> executed in log order -> notifications, reply

A read is answered at once from the tree, unless its own session has a write on the way:
then it waits in that write's batch, in order, so a session's requests are answered in
the order in which they came and a client always sees its own writes. Nothing is replied,
and no other session sees anything of a batch, before the batch is on disk.

What is logged is the client's request as it came, with what is not determined by the
log: the session, its identities, the wall time and the zxid. Executing it is a function
of the tree, so every replica and every recovery comes to the same result.

Invariants: a connection's ``pending`` is the last batch that holds a write of it; zxids
only grow; an open connection has a session that exists or is being closed.
"""
