"""The v1 messages of Mesos, as classes of the protobuf library.

Each ``*_pb2`` module has the messages of the ``.proto`` file beside it, which ``make protos``
compiles into ``mesos.binpb``; the ``.pyi`` beside it is for type checkers. The classes are made
when the module is imported, from a pool of their own: so they work with every version of the
library, and stand beside another package's ``mesos.v1`` messages without a clash of names.
"""
