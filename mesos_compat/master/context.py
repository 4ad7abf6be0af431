"""What the modules of the nouns work with.

The state, those who help with it, the time of this step, and the actions that the step comes
to. Nobody but the core makes one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mesos_compat import uuids
from mesos_compat.allocator.interface import Allocator
from mesos_compat.master.actions import Action, SendToAgent, SendToScheduler
from mesos_compat.master.authorization import Authorizer
from mesos_compat.master.events import Now
from mesos_compat.master.metrics import Metrics
from mesos_compat.master.registrar import Registrar, Then
from mesos_compat.master.registry import RegistryOperation
from mesos_compat.master.settings import MasterSettings
from mesos_compat.master.state import Agent, Framework, MasterState
from mesos_compat.master.timers import Timers
from mesos_compat.stories import Stories
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import scheduler_pb2

# Of how many things it is remembered what happened to them.
_STORIES_MAX: Final = 20_000

_NS_PER_SECOND: Final = 1_000_000_000


class Context:
    """See the module."""

    __slots__ = (
        "_random_bytes",
        "actions",
        "allocator",
        "authorizer",
        "metrics",
        "now",
        "registrar",
        "settings",
        "state",
        "stories",
        "timers",
    )

    def __init__(
        self,
        settings: MasterSettings,
        state: MasterState,
        allocator: Allocator,
        authorizer: Authorizer,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self.settings = settings
        self.state = state
        self.allocator = allocator
        self.authorizer = authorizer
        self.metrics = Metrics()
        self.registrar = Registrar()
        self.timers = Timers()
        self.stories = Stories(_STORIES_MAX)
        self.now = Now(0, 0)
        self.actions: list[Action] = []
        self._random_bytes = random_bytes

    def emit(self, action: Action) -> None:
        """Let ``action`` be done after those before."""
        self.actions.append(action)

    def is_framework_over(self, framework_id: str) -> bool:
        """Whether a framework has ended, or nobody has known it for so long that it must have.

        One that is not known may come back for as long as agents may after a failover of the
        master. Source: ``MIN_WAIT_BEFORE_ORPHAN_OPERATION_ADOPTION``, which is 10 minutes, as that
        flag is at least.
        """
        state = self.state
        if framework_id in state.frameworks:
            return False
        waited_ms = self.now.mono_ms - state.elected_ms
        is_late = waited_ms >= self.settings.agent_reregister_timeout_ms
        return is_late or framework_id in state.completed_frameworks

    def tell(self, framework: Framework, event: scheduler_pb2.Event) -> bool:
        """Send an event to a framework; False when it is not connected, and so misses it."""
        if framework.route is None:
            return False
        self.metrics.sent(framework.framework_id, event)
        self.emit(SendToScheduler(framework.route, event))
        return True

    def tell_agent(self, agent: Agent, event: link_pb2.Event) -> bool:
        """Send an event to an agent; False when it is not connected, and so misses it."""
        if agent.route is None:
            return False
        self.emit(SendToAgent(agent.route, event))
        return True

    def store(self, operation: RegistryOperation, then: Then) -> None:
        """Change the registry; ``then`` follows when that is stored."""
        self.registrar.apply(operation, then)

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

    def new_stream_id(self) -> str:
        """A random UUID as text."""
        return uuids.text(self.new_uuid())
