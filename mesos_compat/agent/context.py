"""What the modules of the nouns work with.

The state, those who help with it, the time of this step, and the actions that the step comes
to. Nobody but the core makes one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from mesos_compat import uuids
from mesos_compat.agent.actions import Action, Checkpoint, SendToMaster
from mesos_compat.agent.checkpoint import Record
from mesos_compat.agent.events import Now
from mesos_compat.agent.metrics import Metrics
from mesos_compat.agent.settings import AgentSettings
from mesos_compat.agent.state import AgentState, Phase
from mesos_compat.agent.timers import Timer, Timers
from mesos_compat.master.authorization import Authorizer
from mesos_compat.stories import Stories
from mesos_compat.wire import link_pb2

# Of how many things it is remembered what happened to them.
_STORIES_MAX: Final = 10_000

_NS_PER_SECOND: Final = 1_000_000_000


class Context:
    """See the module."""

    __slots__ = (
        "_next_token",
        "_random_bytes",
        "_storing",
        "actions",
        "authorizer",
        "below",
        "metrics",
        "now",
        "settings",
        "state",
        "stories",
        "timers",
    )

    def __init__(
        self,
        settings: AgentSettings,
        state: AgentState,
        below: Callable[[int], int],
        random_bytes: Callable[[int], bytes],
        authorizer: Authorizer,
    ) -> None:
        self.authorizer = authorizer
        self.settings = settings
        self.state = state
        self.below = below
        self.metrics = Metrics()
        self.timers = Timers()
        self.stories = Stories(_STORIES_MAX)
        self.now = Now(0, 0)
        self.actions: list[Action] = []
        self._random_bytes = random_bytes
        self._next_token = 1
        # What follows when a checkpoint is durable, in the order of the tokens.
        self._storing: dict[int, Callable[[], None]] = {}

    def emit(self, action: Action) -> None:
        """Let ``action`` be done after those before."""
        self.actions.append(action)

    def tell_master(self, call: link_pb2.Call) -> bool:
        """Say something to the master; False when this agent is not registered with one."""
        state = self.state
        if state.link is None or state.phase not in (Phase.RUNNING, Phase.TERMINATING):
            return False
        self.emit(SendToMaster(state.link, call))
        return True

    def tell_exit(self, call: link_pb2.Call) -> None:
        """Say that an executor is gone, which nothing else would tell a master that has a link.

        One that is subscribed with later hears which executors there are.
        """
        if not self.tell_master(call) and self.state.link is not None:
            self.state.deferred.append(call)

    def store(self, records: Iterable[Record], then: Callable[[], None]) -> None:
        """Make ``records`` durable; ``then`` follows when they are, at once when there are none."""
        kept = tuple(records)
        if not kept:
            then()
            return
        token = self._next_token
        self._next_token += 1
        self._storing[token] = then
        self.emit(Checkpoint(token, kept))

    def stored(self, token: int) -> None:
        """The checkpoint of this token is durable, and so are those before it."""
        for earlier in [one for one in self._storing if one <= token]:
            self._storing.pop(earlier)()

    def set_timer(self, timer: Timer, in_ms: int) -> None:
        """Let ``timer`` be due in so long."""
        self.timers.set(timer, self.now.mono_ms + in_ms)

    def note(self, key: str, what: str) -> None:
        """Remember what happened to ``key``."""
        self.stories.note(key, f"{self.now.wall_ns / _NS_PER_SECOND:.3f} {what}")

    @property
    def wall_seconds(self) -> float:
        """What goes into timestamps of statuses."""
        return self.now.wall_ns / _NS_PER_SECOND

    def new_uuid(self) -> bytes:
        """16 bytes of a random UUID, version 4."""
        return uuids.version_4(self._random_bytes(uuids.BYTES))

    def new_uuid_text(self) -> str:
        """A random UUID as text."""
        return uuids.text(self.new_uuid())
