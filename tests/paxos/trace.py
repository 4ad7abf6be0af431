"""The text of scenarios: blocks of commands and outputs, messages and states in one line each.

A ballot is ``n.s`` (number and server), with ``c:`` before it in configurations after the
first, and ``-`` is none. A record is its first position and its entries: ``4=x+y``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.paxos.cluster import Cluster, Disk
from zkserver.paxos.ballot import Ballot
from zkserver.paxos.durable import Write, WriteEnd, WritePromise, WriteSync
from zkserver.paxos.log import Record
from zkserver.paxos.messages import (
    Accept,
    Accepted,
    AcceptSync,
    Assurance,
    Heartbeat,
    OneShort,
    PaxosMessage,
    Prepare,
    PrepareRequest,
    Promise,
    Question,
    Refusal,
)

SEPARATOR = "----"


@dataclass(slots=True)
class Block:
    """Commands and what they have to print."""

    #: Comments and empty lines before the commands, as they stand in the file.
    before: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)


def parse(text: str) -> list[Block]:
    """The blocks of a scenario; the last one may be a comment alone."""
    blocks = [Block()]
    is_output = False
    for line in text.splitlines():
        block = blocks[-1]
        if is_output:
            if line:
                block.expected.append(line)
            else:
                is_output = False
                blocks.append(Block())
        elif line == SEPARATOR:
            is_output = True
        elif not line or line.startswith("#"):
            block.before.append(line)
        else:
            block.commands.append(line)
    return [block for block in blocks if block.before or block.commands]


def text_of(blocks: list[Block]) -> str:
    """The scenario behind :func:`parse`."""
    lines: list[str] = []
    for block in blocks:
        lines += block.before
        if block.commands:
            lines += [*block.commands, SEPARATOR, *block.expected, ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def ballot_text(ballot: Ballot) -> str:
    """``n.s``, with ``c:`` before it in configurations after the first; ``-`` for none."""
    if not any(ballot):
        return "-"
    front = f"{ballot.configuration}:" if ballot.configuration else ""
    return f"{front}{ballot.number}.{ballot.server_id}"


def record_text(record: Record) -> str:
    """``position=word+word``."""
    words = "reconfig" if record.stops else record.payload[1:].decode()
    return f"{record.first}={words}"


def records_text(records: tuple[Record, ...] | list[Record]) -> str:
    return "[" + " ".join(map(record_text, records)) + "]"


def message_text(message: PaxosMessage) -> str:
    """A message in a line."""
    if isinstance(message, Heartbeat):
        return f"Heartbeat {ballot_text(message.ballot)}"
    ballot = ballot_text(message.ballot)
    if isinstance(message, Prepare):
        accepted = ballot_text(message.accepted)
        return f"Prepare {ballot} acc={accepted} dec={message.decided} len={message.length}"
    if isinstance(message, Promise):
        cut = " cut" if message.is_cut else ""
        return (
            f"Promise {ballot} acc={ballot_text(message.accepted)} dec={message.decided}"
            f" len={message.length} {records_text(message.records)}{cut}"
        )
    if isinstance(message, AcceptSync):
        return (
            f"AcceptSync {ballot} from={message.start} {records_text(message.records)}"
            f" dec={message.decided} len={message.length}"
        )
    if isinstance(message, Accept):
        return f"Accept {ballot} {records_text(message.records)} dec={message.decided}"
    if isinstance(message, Accepted | OneShort):
        return f"{type(message).__name__} {ballot} len={message.length}"
    if isinstance(message, Question | Assurance):
        return f"{type(message).__name__} {ballot} {message.number}"
    kind: type[PrepareRequest | Refusal] = type(message)
    return f"{kind.__name__} {ballot}"


def write_text(write: Write) -> str:
    """A durable write in a few words."""
    ballot = ballot_text(write.ballot)
    if isinstance(write, WritePromise):
        return f"promise {ballot}"
    if isinstance(write, WriteSync):
        return f"sync {ballot} {records_text(write.records)}"
    if isinstance(write, WriteEnd):
        return f"end {ballot} len={write.end}"
    return f"record {ballot} {record_text(write.record)}"


def status_text(cluster: Cluster, server: int) -> str:
    """What a server is and has."""
    node = cluster.nodes.get(server)
    if node is None:
        return f"{server} down"
    role = "waits"
    if node.leader is not None:
        role = "leads" if node.leader.is_accepting else "prepares"
    elif node.follower is not None:
        role = f"follows {node.follower.leader_id}"
    number = node.configuration.number
    snapshots = "".join(f" wants-snapshot={peer}" for peer in node.wants_snapshot)
    return (
        f"{server} {role}{f' in configuration {number}' if number else ''}:"
        f" promised={ballot_text(node.promised)} accepted={ballot_text(node.accepted)}"
        f" decided={node.decided} log={node.log.start}:{records_text(node.log.records)}{snapshots}"
    )


def disk_text(disk: Disk) -> str:
    """What a crash would leave."""
    return (
        f"promised={ballot_text(disk.promised)} accepted={ballot_text(disk.accepted)}"
        f" {records_text(disk.records)}"
    )
