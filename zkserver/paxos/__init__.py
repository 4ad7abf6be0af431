"""Sequence Paxos: one ever-growing sequence of entries, decided by majorities.

A leader owns a ballot and extends one sequence; acceptors accept only in order, so a
position is never decided before those in front of it. That is what plain slot-wise
Paxos does not give and what ZooKeeper promises: a client's writes take effect in the
order in which it sent them (Haridi, Kroll and Carbone, *Lecture Notes on Leader-based
Sequence Paxos*, 2020; Ng, Haridi and Carbone, *Omni-Paxos*, EuroSys 2023).

Terms: an entry is **proposed** when the leader gave it a position, **accepted** by a
server once it is on that server's disk, **decided** once a majority accepted it, and
only then executed. With a quorum of one the leader's own disk is the majority.

Pure: no clock, socket, disk or randomness. Knows neither the tree nor the wire.
"""
