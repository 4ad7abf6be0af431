"""How Mesos's messages look outside: protobuf, Mesos's JSON, RecordIO, media types.

The messages are those of Mesos's v1 APIs, defined in ``wire/v1/*.proto`` with Mesos's names
and numbers; ``wire/link.proto`` holds what our agents and masters say to each other, and what
masters and agents keep. Everything here is pure: bytes in, messages out, and back.
"""
