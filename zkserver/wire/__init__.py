"""The ZooKeeper wire protocol, as pure functions over bytes.

Owns: jute encoding, the numbers of the protocol (operations, error codes, flags), the
records that travel, framing with its limits, and the state of one client connection.
May import nothing of this project but :mod:`zkserver.errors`.

Two habits shape it. Paths and other strings stay ``bytes``: they are dictionary keys
and are sent back as they came, so decoding them would be work for nothing. And only
what an operation needs is decoded: the hot operations (get, exists, children, set) are
taken apart in place by the replica with the ready ``struct.Struct`` objects of
:mod:`zkserver.wire.records`; everything else goes through :class:`~zkserver.wire.jute.Reader`,
which checks every length before it believes it.

::

    bytes -> framing (length, limit) -> header (xid, operation) -> record -> replica
    replica -> reply header + ready body bytes -> one send per connection and turn
"""
