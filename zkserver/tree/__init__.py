"""The replicated state: znodes, their ACLs and quotas, and the sessions that own some of them.

Owns: the tree, the rules of every write (order of checks included), what a change does
to Stats, the watch tables, session bookkeeping. May import the numbers in
:mod:`zkserver.wire.opcodes` and nothing else of this project but errors and limits.

Everything here is a function of what it was given: time, zxids and identities are
arguments, so two replicas that execute the same log hold the same state.

The tree is **flat**: one dictionary from path to the bytes that ``getData`` answers
(length, data, Stat), because that is what the server sends most, and because
dictionaries of bytes cost the garbage collector nothing. What few znodes have (an ACL
that is not open, a container or TTL marker, children) is kept beside it::

    nodes     path -> length + data + Stat          every znode; the root as b"" and b"/"
    children  path -> {name: None}                  znodes that have or had children
    created   path -> children ever created         the counter behind sequential names
    acls      path -> ACL                           only where it is not world:anyone:ALL
    special   path -> marker                        containers and TTL znodes

Invariants: the parent of every znode exists; a Stat's numChildren equals the size of
its children entry; a znode with an ephemeralOwner is listed in ``ephemerals``.
"""
