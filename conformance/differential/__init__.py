"""The differential test: the same bytes to two servers, every answer compared.

Theory of operation. A seeded generator makes requests, most of them about a small
namespace so that they collide, some of them malformed. The lock step driver sends each
burst of requests to both servers on the same session, reads everything up to the reply
of a ping that it put behind the burst, then pings the other sessions, because whatever
the burst made the server tell them stands before their ping's reply. So "all has
arrived" is known without waiting for time to pass, and the position of a notification
among the replies is part of what is compared.

::

    generator ──> lockstep ──bytes──> first server ──frames──┐
                          └──bytes──> second server ─frames──┴─> normal form ─> compare

Compared: reply headers with their zxids, bodies field by field, notifications and their
order, whether the connection was closed, and at the end of a segment the whole tree. Not
compared: the wall clock (but a server must use one time per zxid), session ids as
numbers (they become the name of the session), and orders which ZooKeeper leaves open.
Differences that are meant stand in :mod:`conformance.differential.known` with their
reasons; anything else fails the run. Each segment starts both servers empty.
"""
