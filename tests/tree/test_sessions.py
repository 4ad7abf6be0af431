"""The expiry queue: never early, at most one tick late, each session once."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from zkserver.tree.sessions import ExpiryQueue

TICK = 100


@given(st.integers(0, 10_000), st.integers(1, 1000), st.integers(1, 500))
def test_silent_session_expires_after_its_timeout_and_within_a_tick(
    now: int, timeout: int, tick: int
) -> None:
    queue = ExpiryQueue(tick)
    queue.track(7, timeout, now)
    assert queue.expired(now + timeout) == []
    assert queue.expired(now + timeout + tick) == [7]


def test_expired_session_is_reported_once_and_marked_as_closing() -> None:
    queue = ExpiryQueue(TICK)
    live = queue.track(1, 50, 0)
    queue.track(1, 60, 0)
    assert queue.expired(1000) == [1]
    assert live.closing
    assert queue.expired(2000) == []


def test_closing_session_is_left_alone() -> None:
    queue = ExpiryQueue(TICK)
    queue.track(1, 50, 0).closing = True
    assert queue.expired(1000) == []


def test_sign_of_life_counts_though_nobody_moved_the_session() -> None:
    queue = ExpiryQueue(TICK)
    live = queue.track(1, 100, 0)
    live.heard_ms = 450
    assert queue.expired(500) == []
    assert queue.expired(550) == []
    assert queue.expired(600) == [1]


def test_shorter_timeout_of_a_new_connection_counts_at_once() -> None:
    queue = ExpiryQueue(TICK)
    queue.track(1, 10_000, 0)
    queue.track(1, 100, 0)
    assert queue.expired(200) == [1]


def test_forgotten_session_never_expires_even_if_its_id_comes_back() -> None:
    queue = ExpiryQueue(TICK)
    queue.track(1, 100, 0)
    queue.forget(1)
    queue.forget(1)
    assert queue.expired(1000) == []
    queue.track(1, 100, 1000)
    assert queue.expired(1100) == []
    assert queue.expired(1200) == [1]


def test_buckets_show_when_each_session_is_due() -> None:
    queue = ExpiryQueue(TICK)
    queue.track(1, 100, 0)
    queue.track(2, 150, 0)
    queue.track(3, 100, 120)
    assert list(queue.buckets()) == [(200, [1, 2]), (300, [3])]


class QueueAgainstModel(RuleBasedStateMachine):
    """Against a model that looks at every session every time."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = ExpiryQueue(TICK)
        self.now = 0
        #: Session id -> (timeout, last heard).
        self.alive: dict[int, tuple[int, int]] = {}

    @rule(session=st.integers(1, 4), timeout=st.integers(1, 700))
    def connect(self, session: int, timeout: int) -> None:
        self.queue.track(session, timeout, self.now)
        self.alive[session] = (timeout, self.now)

    @rule(session=st.integers(1, 4))
    def hear(self, session: int) -> None:
        if session in self.alive:
            self.queue.sessions[session].heard_ms = self.now
            self.alive[session] = (self.alive[session][0], self.now)

    @rule(session=st.integers(1, 4))
    def close(self, session: int) -> None:
        self.queue.forget(session)
        self.alive.pop(session, None)

    @rule(passed=st.integers(0, 400))
    def wait(self, passed: int) -> None:
        self.now += passed
        over = self.queue.expired(self.now)
        for session in over:
            timeout, heard = self.alive.pop(session)
            assert heard + timeout < self.now
            self.queue.forget(session)
        for timeout, heard in self.alive.values():
            assert self.now < heard + timeout + TICK


TestQueue = QueueAgainstModel.TestCase
TestQueue.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
