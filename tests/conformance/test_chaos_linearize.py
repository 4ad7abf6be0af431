"""The linear check of a register agrees with the search that tries every order."""

from __future__ import annotations

import random

import pytest

from conformance.chaos.linearize import NEVER, Kind, Operation, check_register

INITIAL = "initial"
HISTORIES = 4000


def explained(history: list[Operation], value: str = INITIAL) -> bool:
    """Wing and Gong's search: whether some order of the operations explains the history."""
    if all(operation.end == NEVER for operation in history):
        # None of them has to have happened.
        return True
    first_end = min(operation.end for operation in history)
    for operation in history:
        if operation.start > first_end:
            continue
        rest = [other for other in history if other is not operation]
        if operation.end == NEVER and explained(rest, value):
            return True
        needed = operation.value if operation.kind is Kind.READ else operation.expected
        if needed in (None, value) and explained(rest, operation.value):
            return True
    return False


def random_history(rng: random.Random) -> list[Operation]:
    written = [f"v{number}" for number in range(rng.randint(1, 4))]
    history = []
    for value in written:
        kind = rng.choice([Kind.WRITE, Kind.SWAP])
        others = [INITIAL, *(other for other in written if other != value)]
        expected = rng.choice(others) if kind is Kind.SWAP else None
        history.append(interval(rng, kind, value, expected))
    seen = rng.choices([INITIAL, *written], k=rng.randint(0, 3))
    return [*history, *(interval(rng, Kind.READ, value, None) for value in seen)]


def interval(rng: random.Random, kind: Kind, value: str, expected: str | None) -> Operation:
    start = rng.randint(0, 12)
    end = NEVER if kind is not Kind.READ and rng.random() < 0.2 else start + rng.randint(1, 6)
    return Operation("c", kind, value, start, end, expected)


def test_agrees_with_the_search_through_all_orders() -> None:
    rng = random.Random(4)
    verdicts = {True: 0, False: 0}
    for _ in range(HISTORIES):
        history = random_history(rng)
        found = check_register(history, INITIAL)
        assert (found is None) == explained(history), "\n".join(map(str, history))
        verdicts[found is None] += 1
    assert min(verdicts.values()) > HISTORIES // 20


def write(value: str, start: float, end: float = NEVER, client: str = "w") -> Operation:
    return Operation(client, Kind.WRITE, value, start, end)


def read(value: str, start: float, end: float, client: str = "r") -> Operation:
    return Operation(client, Kind.READ, value, start, end)


def swap(expected: str, value: str, start: float, end: float = NEVER) -> Operation:
    return Operation("s", Kind.SWAP, value, start, end, expected)


def test_a_lost_write_is_found() -> None:
    found = check_register([write("a", 0, 1), read(INITIAL, 2, 3)], INITIAL)
    assert found is not None
    assert "'a'" in str(found)


def test_a_stale_read_is_found() -> None:
    history = [write("a", 0, 1), write("b", 2, 3), read("a", 4, 5)]
    assert check_register(history, INITIAL) is not None
    assert check_register([*history[:2], read("b", 4, 5)], INITIAL) is None


def test_a_read_may_see_a_write_that_is_under_way_but_not_unsee_it() -> None:
    history = [write("a", 0, 10), read("a", 1, 2)]
    assert check_register(history, INITIAL) is None
    assert check_register([*history, read(INITIAL, 3, 4)], INITIAL) is not None


def test_a_write_without_an_answer_may_take_effect_late_or_never() -> None:
    history = [write("a", 0), write("b", 1, 2), read("b", 3, 4)]
    assert check_register(history, INITIAL) is None
    assert check_register([*history, read("a", 5, 6)], INITIAL) is None
    again = [*history, read("a", 5, 6), read("b", 7, 8)]
    assert check_register(again, INITIAL) is not None


def test_two_swaps_of_one_value_are_found() -> None:
    history = [swap(INITIAL, "a", 0, 5), swap(INITIAL, "b", 0, 5)]
    found = check_register(history, INITIAL)
    assert found is not None
    assert "swapped twice" in found.why


def test_a_swap_of_a_value_that_was_overwritten_before_is_found() -> None:
    history = [write("a", 0, 1), write("b", 2, 3), swap("a", "c", 4, 5), read("c", 6, 7)]
    assert check_register(history, INITIAL) is not None


def test_a_value_that_nobody_wrote_is_found() -> None:
    found = check_register([read("ghost", 0, 1)], INITIAL)
    assert found is not None
    assert "nobody wrote" in found.why


def test_a_value_written_twice_cannot_be_judged() -> None:
    with pytest.raises(ValueError, match="written twice"):
        check_register([write("a", 0, 1), write("a", 2, 3)], INITIAL)
