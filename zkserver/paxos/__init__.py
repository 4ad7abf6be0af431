"""Sequence Paxos: one ever-growing sequence of entries, decided by majorities.

A leader owns a ballot and extends one sequence; acceptors accept only in order, so a
position is never decided before those in front of it. That is what plain slot-wise
Paxos does not give and what ZooKeeper promises: a client's writes take effect in the
order in which it sent them (Haridi, Kroll and Carbone, *Lecture Notes on Leader-based
Sequence Paxos*, 2020; Ng, Haridi and Carbone, *Omni-Paxos*, EuroSys 2023).

Terms: an entry is **proposed** when the leader gave it a position, **accepted** by a
server once it is on that server's disk, **decided** once a majority accepted it, and
only then executed. With a quorum of one the leader's own disk is the majority.

Roles. Every server is an acceptor; one that the election names is a leader besides, in two
phases. *Preparing*, it collects promises of a majority and adopts, of the sequences that
come with them, the one accepted in the highest ballot, and of those the longest. *Accepting*,
it brings each follower to that sequence once and then only appends. Observers do the same as
voters, but are not counted.

    Prepare         I lead this ballot; so much I have: what do I lack?
    Promise         no lower ballot any more; this is what you lack
    AcceptSync      from here on your sequence is mine, at least as far as I adopted it
    Accept          further records; so much is decided
    Accepted        so much of your sequence is on my disk
    OneShort        so much is decided if it is on your disk too: somebody waits there
    PrepareRequest  I am back, or have lost the thread: begin anew with me
    Refusal         I have promised a higher ballot
    Heartbeat       whom I hear, and who leads as far as I know; belongs to no ballot

Invariants. (1) What is decided is a beginning of every sequence that is accepted in a
higher ballot: two majorities share a server, and it told what it had. (2) Two sequences
accepted in one ballot agree as far as the shorter one goes: one leader made both, and only
appended. (3) ``promised`` and ``decided`` never go down. (4) What was acknowledged in a
ballot is not cut in that ballot, nor is anything acknowledged in it before AcceptSync.

Durable before it is told: a promise before Prepare and Promise leave, records before Accepted
does (``durable.py``). An adopted sequence is one write, all or nothing: a part of it, claimed
for the higher ballot, would outweigh a longer sequence that is decided. That is why AcceptSync
holds everything up to the adopted length, however much that is. Accept is not held back: the
leader's disk works while the messages travel, and counts as one of the majority.

Decided at a follower. A leader whose disk has what a follower's client waits for tells that
one as soon as only its own disk is missing from a majority; the follower then knows first,
and saves the way to the leader and back. So what was acknowledged to somebody may go as far
as was told in such a way, beyond what the leader knows to be decided
(``Leader.covering_length``); how a configuration ends is never told so.

Election. Ballots order candidates, heartbeats find those who hear a majority and are heard by
it; only these may lead, and logs play no part, since phase 1 brings what is missing. A leader
that somebody else still hears is not deposed, so a bridge or a chain keeps one
(``election.py``).

Reconfiguration. A record that begins with ``STOP`` ends its configuration once it is decided;
nothing is proposed behind it. Whoever executes it enters the next configuration, whose
ballots are above all of the old one. The old one's candidates are told what is decided. With a
promise goes how much is known to be decided, since after a restart of all only that may show
that a configuration is over.

Snapshots. The front of the log is given up once a snapshot holds it. Who lacks more than that
gets the snapshot from the shell (``wants_snapshot``, ``installed``), keeps what it has accepted
behind it if the two agree there, and asks to be prepared again.

Pure: no clock, socket, disk or randomness. Knows neither the tree nor the wire.
"""
