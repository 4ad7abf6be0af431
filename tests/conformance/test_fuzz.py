"""Bad input harms nobody but its sender; and the fuzzer's own watchers do see harm."""

from __future__ import annotations

import random

import pytest

from conformance.crash.connection import Connection, OpCode, set_body, wait_serving
from conformance.fuzz.control import CONTROL_PATH, Control
from conformance.fuzz.mutations import mutate
from conformance.fuzz.plan import plan_conversation
from conformance.fuzz.player import Outcome
from conformance.fuzz.run import fuzz
from conformance.fuzz.vitals import RSS_GROWTH_MAX, Vitals, problems
from conformance.servers import SERVERS

SERVER = "mesozoic"


@pytest.mark.real
def test_twenty_thousand_inputs_do_no_harm() -> None:
    report = fuzz(SERVER, inputs=20_000, seed=1, connections=4, progress=lambda _n, _s: None)
    assert report.problems == [], report.log_tail
    assert report.outcomes.inputs >= 20_000
    assert report.control_rounds > 10
    seen = {outcome for _, outcome in report.outcomes.counts}
    assert {Outcome.REPLY, Outcome.REPLY_CLOSE, Outcome.CLOSE} <= seen
    assert Outcome.HUNG not in seen


@pytest.mark.real
def test_the_control_client_notices_a_wrong_value() -> None:
    with SERVERS[SERVER]() as server:
        wait_serving(server.port)
        control = Control(server.port)
        with Connection(server.port) as intruder:
            control.start()
            assert intruder.call(OpCode.SET_DATA, set_body(CONTROL_PATH, b"mine")).err == 0
            control.join(30)
        control.finish()
        control.close()
        assert control.problem is not None
        assert "version" in control.problem


def test_a_conversation_depends_on_seed_and_number_alone() -> None:
    first = [plan_conversation(7, number) for number in range(200)]
    again = [plan_conversation(7, number) for number in reversed(range(200))]
    assert first == again[::-1]
    other = [plan_conversation(8, number) for number in range(200)]
    assert sum(a.inputs == b.inputs for a, b in zip(first, other, strict=True)) < 40


def test_every_kind_of_input_is_planned() -> None:
    kinds = {i.kind for n in range(4000) for i in plan_conversation(1, n).inputs}
    for expected in ("mutated multi", "valid create", "byte at a time", "impossible length"):
        assert expected in kinds
    assert len(kinds) > 70


def test_mutations_change_what_they_are_given() -> None:
    rng = random.Random(1)
    data = bytes(range(40))
    changed = [mutate(data, rng) for _ in range(500)]
    assert sum(one != data for one in changed) > 450
    assert {len(one) < 40 for one in changed} == {True, False}
    assert isinstance(mutate(b"", rng), bytes)


@pytest.mark.parametrize(
    ("after", "word"),
    [
        (Vitals(False, 0, 0, 0), "dead"),
        (Vitals(True, 100, 11, 0), "descriptors"),
        (Vitals(True, 100 + RSS_GROWTH_MAX + 1, 10, 0), "memory"),
        (Vitals(True, 100, 10, 1), "traceback"),
    ],
)
def test_harm_to_the_process_is_a_problem(after: Vitals, word: str) -> None:
    (problem,) = problems(Vitals(True, 100, 10, 0), after, python=True)
    assert word in problem


def test_a_process_as_before_is_no_problem() -> None:
    vitals = Vitals(True, 100, 10, 3)
    assert problems(vitals, vitals, python=True) == []
