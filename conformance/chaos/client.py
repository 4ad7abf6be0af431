"""One kazoo client of the load: what it does, and what it notes of it.

It does one thing after the other, so the order of its entries is the order of its
operations. It holds an ephemeral for each session it has had, made right after the session.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from kazoo.client import KazooClient, KazooState
from kazoo.exceptions import (
    BadVersionError,
    KazooException,
    NodeExistsError,
    NoNodeError,
    NotEmptyError,
)
from kazoo.handlers.threading import KazooTimeoutError

from conformance.chaos.history import (
    EPHEMERALS,
    Action,
    Entry,
    Outcome,
    Recorder,
    register_path,
    unique_parent,
)

#: A client gives up waiting for an answer after so long; the operation is unknown then.
_PATIENCE_S = 25.0
_SETTLE_PAUSE_S = 0.1
_REFUSALS = (BadVersionError, NoNodeError, NodeExistsError, NotEmptyError)
_RETRY = {"max_tries": -1, "delay": 0.05, "backoff": 1.3, "max_delay": 0.4, "max_jitter": 0.3}
#: What a client does, with weights.
_MIX = {
    Action.SET: 26,
    Action.SWAP: 12,
    Action.READ: 20,
    Action.PEEK: 8,
    Action.CREATE: 22,
    Action.DELETE: 6,
}


@dataclass(slots=True)
class Holding:
    """What a client has of the server: its session, and the sessions it has lost."""

    name: str
    session: int = 0
    #: The path of the ephemeral of the session, once its creation was answered.
    ephemeral: str = ""
    #: Paths of ephemerals whose sessions have expired.
    gone: list[str] = field(default_factory=list)
    #: How often the session went on at another server.
    moves: int = 0
    #: How often the connection was lost.
    losses: int = 0
    #: Whether it was connected when it ended its work, with an ephemeral.
    settled: bool = False


class ChaosClient:
    """A client with its own kazoo handle; :meth:`run` is the body of its thread."""

    def __init__(
        self,
        name: str,
        hosts: str,
        recorder: Recorder,
        *,
        registers: int,
        session_timeout_s: float,
        pause_s: float,
        seed: str,
    ) -> None:
        self.holding = Holding(name)
        self._recorder = recorder
        self._registers = registers
        self._pause_s = pause_s
        self._random = random.Random(seed)
        self._kazoo: Any = KazooClient(
            hosts,
            timeout=session_timeout_s,
            connection_retry=_RETRY,
            randomize_hosts=True,
        )
        self._kazoo.add_listener(self._state_changed)
        self._port = 0
        self._made = 0
        self._unique: list[str] = []
        #: What reads of this client have shown last, per register: value and version.
        self._known: dict[str, tuple[str, int]] = {}

    def start(self) -> None:
        """Connect and make the first ephemeral; raises what kazoo raises."""
        self._kazoo.start(timeout=30)
        self._look_after_session()

    def run(self, ended: Callable[[], bool]) -> None:
        """One operation after the other, until ``ended()``."""
        actions = list(_MIX)
        weights = list(_MIX.values())
        while not ended():
            self._look_after_session()
            (action,) = self._random.choices(actions, weights)
            self._do(action)
            time.sleep(self._random.uniform(0, 2 * self._pause_s))
        self._settle()

    def _settle(self) -> None:
        """Be connected with a session that has its ephemeral, if that is possible at all."""
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            self._look_after_session()
            if self._session() == self.holding.session and self.holding.ephemeral:
                self.holding.settled = True
                return
            time.sleep(_SETTLE_PAUSE_S)

    def stop(self) -> None:
        """Close the session."""
        with contextlib.suppress(KazooException, KazooTimeoutError):
            self._kazoo.stop()
        with contextlib.suppress(KazooException, KazooTimeoutError):
            self._kazoo.close()

    def _state_changed(self, state: str) -> None:
        # Called by kazoo before it connects again.
        if state != KazooState.CONNECTED:
            self.holding.losses += 1

    def _session(self) -> int:
        identity = self._kazoo.client_id
        return int(identity[0]) if identity else 0

    def _look_after_session(self) -> None:
        """Note where the session is, and give a new one its ephemeral."""
        holding = self.holding
        session = self._session()
        if not session:
            return
        if session != holding.session:
            if holding.ephemeral:
                holding.gone.append(holding.ephemeral)
            holding.session, holding.ephemeral = session, ""
            self._port = 0
        port = self._connected_port()
        if port and port != self._port:
            holding.moves += self._port != 0
            self._port = port
        if not holding.ephemeral:
            path = f"{EPHEMERALS}/{holding.name}-{session & (1 << 64) - 1:016x}"
            with contextlib.suppress(KazooException, KazooTimeoutError):
                try:
                    self._kazoo.create_async(path, b"", ephemeral=True).get(timeout=_PATIENCE_S)
                except NodeExistsError:
                    # Ours: an earlier try was not answered. Its name has the session in it.
                    pass
                if self._session() == session:
                    holding.ephemeral = path

    def _connected_port(self) -> int:
        try:
            return int(self._kazoo._connection._socket.getpeername()[1])
        except (AttributeError, OSError):
            return 0

    def _do(self, action: Action) -> None:
        register = register_path(self._random.randrange(self._registers))
        if action is Action.READ or action is Action.PEEK:
            self._read(action, register)
        elif action is Action.SET:
            self._note(action, register, self._set, value=self._new_value())
        elif action is Action.SWAP:
            # Of what it sees right before, or nearly every swap would come too late.
            self._read(Action.READ, register)
            known = self._known.get(register)
            if known is not None:
                self._note(
                    action, register, self._set, self._new_value(), known[0], version=known[1]
                )
        elif action is Action.CREATE:
            value = self._new_value()
            path = f"{unique_parent(self.holding.name)}/{value}"
            if self._note(action, path, self._create, value) is Outcome.OK:
                self._unique.append(path)
        elif self._unique:
            path = self._unique.pop(self._random.randrange(len(self._unique)))
            self._note(action, path, self._delete)

    def _new_value(self) -> str:
        self._made += 1
        return f"{self.holding.name}-{self._made:06d}"

    def _set(self, path: str, value: str, version: int) -> Any:
        return self._kazoo.set_async(path, value.encode(), version).get(timeout=_PATIENCE_S)

    def _create(self, path: str, value: str, _version: int) -> Any:
        made = self._kazoo.create_async(path, value.encode(), include_data=True)
        return made.get(timeout=_PATIENCE_S)[1]

    def _delete(self, path: str, _value: str, _version: int) -> None:
        self._kazoo.delete_async(path).get(timeout=_PATIENCE_S)

    def _note(
        self,
        action: Action,
        path: str,
        change: Callable[[str, str, int], Any],
        value: str = "",
        expected: str | None = None,
        version: int = -1,
    ) -> Outcome:
        """Do a change and write down what came of it."""
        session, outcome, stat, why = self._session(), Outcome.OK, None, ""
        start_s = time.monotonic()
        try:
            stat = change(path, value, version)
        except _REFUSALS as error:
            outcome, why = Outcome.REFUSED, type(error).__name__
        except (KazooException, KazooTimeoutError) as error:
            outcome, why = Outcome.UNKNOWN, type(error).__name__
        end_s = time.monotonic()
        new_version, mzxid = (stat.version, stat.mzxid) if stat is not None else (-1, -1)
        if action is Action.SWAP or action is Action.SET:
            # A swap that was refused should look again before the next one.
            self._known.pop(path, None)
            if outcome is Outcome.OK:
                self._known[path] = (value, new_version)
        self._recorder.add(
            Entry(
                client=self.holding.name,
                session=session,
                action=action,
                path=path,
                outcome=outcome,
                start_s=start_s,
                end_s=end_s,
                value=value,
                expected=expected,
                version=new_version,
                mzxid=mzxid,
                error=why,
            )
        )
        return outcome

    def _read(self, action: Action, path: str) -> None:
        session, losses = self._session(), self.holding.losses
        outcome, value, version, mzxid, why = Outcome.UNKNOWN, None, -1, -1, ""
        start_s = time.monotonic()
        try:
            if action is Action.READ:
                synced = self._kazoo.sync_async(path)
            asked = self._kazoo.get_async(path)
            if action is Action.READ:
                synced.get(timeout=_PATIENCE_S)
            data, stat = asked.get(timeout=_PATIENCE_S)
        except (KazooException, KazooTimeoutError) as error:
            why = type(error).__name__
        else:
            value, version, mzxid = data.decode(), stat.version, stat.mzxid
            # A reconnection in between may have put the read on another server than the sync.
            if losses == self.holding.losses and session == self._session():
                outcome = Outcome.OK
                self._known[path] = (value, version)
        end_s = time.monotonic()
        self._recorder.add(
            Entry(
                client=self.holding.name,
                session=session,
                action=action,
                path=path,
                outcome=outcome,
                start_s=start_s,
                end_s=end_s,
                value=value,
                version=version,
                mzxid=mzxid,
                error=why,
            )
        )
