"""The start of a server that is one among others.

What a snapshot holds is decided. The records behind it in the log were accepted by this
server, but whether they were decided is for the others to say: they wait in the log of
Paxos until a leader has told, and are executed then.
"""

from __future__ import annotations

import random
from typing import Final

from zkserver.config import Config
from zkserver.errors import StartError
from zkserver.paxos.ballot import Ballot
from zkserver.paxos.configuration import Configuration
from zkserver.paxos.election import Timing
from zkserver.paxos.node import PaxosNode
from zkserver.replica.core import ReplicaCore
from zkserver.server.ensemble_shell import EnsembleShell
from zkserver.server.writing import read_back
from zkserver.storage import Disk, Recovered

#: A server without a leader keeps its clients for at most so long, milliseconds.
_PATIENCE_MS_MAX: Final = 4000
#: Sessions that were heard from are reported at least this far apart, milliseconds.
_TOUCH_MS_MIN: Final = 100


def rejoin(
    config: Config, core: ReplicaCore, recovered: Recovered, disk: Disk, now_ms: int
) -> EnsembleShell:
    """Make ``core``, which is new, the server that it was before; returns its links.

    Raises ``StartError`` when the server has no place in the membership, or its quorum
    port is taken.
    """
    membership = config.membership
    if membership is None:
        raise StartError("no server lines: this server is alone")
    # Bound early, so that a port that is taken is told before anything is loaded.
    shell = EnsembleShell(config, membership, disk, recovered.snapshot_dir)
    sequence = read_back(core, recovered)
    if config.reconfig_enabled and core.membership is not None:
        membership = core.membership
    accepted = Ballot.unpacked(recovered.accepted)
    node = PaxosNode(
        config.server_id,
        Configuration(core.configuration_number, membership.voters, membership.observers),
        sequence,
        max(Ballot.unpacked(recovered.promised), accepted),
        accepted,
        Timing(),
        random.SystemRandom().randrange,
        recovered.decided,
    )
    patience_ms = min(config.sync_limit * config.tick_time_ms, _PATIENCE_MS_MAX)
    touch_ms = max(_TOUCH_MS_MIN, config.tick_time_ms // 2)
    core.join(node, patience_ms=patience_ms, touch_ms=touch_ms, now_ms=now_ms)
    if core.ensemble is not None:
        core.ensemble.founding = membership
        core.ensemble.imposes_membership = not config.reconfig_enabled
    core.execute_known(now_ms)
    shell.start(core, now_ms)
    return shell
