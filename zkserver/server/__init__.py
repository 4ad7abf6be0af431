"""The shell of one server: sockets, the disk, the clock, and the loop that turns them into steps.

Knows nothing of znodes. One thread runs the loop and owns the core, so there are no
locks; a second one flushes the log when that pays (:mod:`zkserver.server.committer`),
and hands nothing back but the news that it has. A turn of the loop::

    epoll -> for each readable connection: recv once, core.received, send what is answered
          -> one log record and one fdatasync for all writes of the turn, core.persisted
          -> send what that answered -> now and then: expiry, snapshots, reaping

It is an epoll loop of its own and not asyncio's, because a turn has to be seen as a
whole (all that arrived shares one flush) and because connection set-up costs asyncio
several turns.
"""
