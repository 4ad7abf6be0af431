"""Allocators: who is offered which agent's resources.

Owns the allocator's books (:mod:`~mesos_compat.allocator.ledger`), the run over the agents,
quotas, refusals, offer constraints, inverse offers, four policies, and the explanation of why
a framework got nothing. May import :mod:`mesos_compat.resources` and
:mod:`mesos_compat.wire`; knows nothing of offers' ids, tasks or connections.

::

    master --add_framework, recover_resources ...--> HierarchicalAllocator --> Ledger
                                                            |                  (agents, candidates,
    master <--Allocation(offers, inverse_offers)-- allocate(now_ms)             quota book, policy)
                                                            |
                    Run: for agent: for candidate in policy.order(): Proposer.propose

A *candidate* is a framework in one of its roles. A *policy* (drf, fcfs, lrf, capacity) says in
which order candidates are served, and how much one may get now; everything else is common to
all. The proposer looks at one pair of candidate and agent, and is what the run and the
explanation share.

Exactness: amounts are whole thousandths, shares are compared as fractions with one common
denominator, and nothing depends on hashes or on the time but what is passed in. Randomness
(the order of agents, random sorters) comes from the stream given at construction.

Invariants (:meth:`HierarchicalAllocator.check`): what candidates hold of an agent is never
offered again; what is free and what is held make up what the agent has, unless it has shrunk;
every sum that is kept equals what it is the sum of.
"""

from mesos_compat.allocator.hierarchical import HierarchicalAllocator
from mesos_compat.allocator.interface import (
    Allocation,
    Allocator,
    AllocatorOptions,
    Allotment,
    Explanation,
    InverseAllotment,
    Reason,
    Verdict,
)
from mesos_compat.allocator.policies import POLICY_NAMES

__all__ = [
    "POLICY_NAMES",
    "Allocation",
    "Allocator",
    "AllocatorOptions",
    "Allotment",
    "Explanation",
    "HierarchicalAllocator",
    "InverseAllotment",
    "Reason",
    "Verdict",
]
