"""Offers: shown, held, declined, suppressed and revived."""

from __future__ import annotations

from mesos_compat.wire.v1.scheduler_pb2 import Call
from mesozoic.core import actions, calls, events, notices
from mesozoic.core.offers import roles_of
from mesozoic.core.settings import SchedulerSettings
from tests.sdk.core.scripted import MasterEvent, Script, framework, offer, sent, task


def declined(done: list[actions.Action]) -> list[tuple[list[str], float | None]]:
    return [
        (
            [one.value for one in call.decline.offer_ids],
            call.decline.filters.refuse_seconds if call.decline.HasField("filters") else None,
        )
        for call in sent(done, Call.DECLINE)
    ]


def wants(script: Script, wanted: bool, *, is_news: bool = False) -> list[Call]:
    return sent(script.happens(events.DemandChanged(wanted, is_news)))


def test_offer_that_nobody_wanted_is_declined_for_long() -> None:
    script = Script()
    script.offers(offer(1), offer(2))
    assert sent(script.passes(4_999)) == []
    assert declined(script.passes(1)) == [(["O1", "O2"], 120.0)]
    assert script.core.offers == {}
    assert sent(script.passes(60_000)) == []


def test_offer_that_nobody_has_seen_is_declined_for_short() -> None:
    script = Script()
    script.offers(offer(1), shown=False)
    assert declined(script.passes(5_000)) == [(["O1"], None)]


def test_used_and_declined_offers_are_held_no_more() -> None:
    script = Script()
    script.offers(offer(1), offer(2), offer(3))
    script.calls(calls.accept(["O1"], [calls.launch_operation([task("t")])]))
    script.calls(calls.decline(["O2"], 1.0))
    assert list(script.core.offers) == ["O3"]
    assert declined(script.passes(5_000)) == [(["O3"], 120.0)]


def test_rescinded_offer_is_held_no_more() -> None:
    script = Script()
    script.offers(offer(1))
    rescind = MasterEvent(type=MasterEvent.RESCIND)
    rescind.rescind.offer_id.value = "O1"
    script.says(rescind)
    assert script.core.offers == {}
    assert sent(script.passes(60_000)) == []


def test_offers_of_a_lost_subscription_are_void() -> None:
    script = Script()
    script.offers(offer(1))
    script.lost()
    assert script.core.offers == {}
    script.tick()
    script.subscribed()
    assert sent(script.passes(5_000)) == []


def test_each_offer_is_held_for_its_own_time() -> None:
    script = Script(settings=SchedulerSettings(offer_hold_ms=1_000, refuse_seconds=7.0))
    script.offers(offer(1))
    script.passes(500)
    script.offers(offer(2))
    assert declined(script.passes(500)) == [(["O1"], 7.0)]
    assert declined(script.passes(500)) == [(["O2"], 7.0)]


def test_without_work_offers_are_suppressed_once_and_those_held_are_declined() -> None:
    script = Script("r", "s")
    script.offers(offer(1))
    suppress, decline = wants(script, False)
    assert list(suppress.suppress.roles) == ["r", "s"]
    assert decline.decline.offer_ids[0].value == "O1"
    assert wants(script, False) == []


def test_offers_that_come_after_all_were_suppressed_are_declined_before_new_work_revives() -> None:
    script = Script()
    wants(script, False)
    script.offers(offer(1))
    assert [call.type for call in wants(script, False)] == [Call.DECLINE]
    script.offers(offer(2), shown=False)
    assert [call.type for call in wants(script, False)] == [Call.DECLINE]
    assert [call.type for call in wants(script, True, is_news=True)] == [Call.REVIVE]
    assert sent(script.passes(5_000)) == []


def test_offers_that_were_passed_over_before_there_was_new_work_are_given_back_for_it() -> None:
    script = Script()
    script.offers(offer(1))
    made = wants(script, True, is_news=True)
    assert [call.type for call in made] == [Call.DECLINE, Call.REVIVE]
    assert made[0].decline.filters.refuse_seconds == 0
    assert script.core.offers == {}
    assert wants(script, True) == []


def test_offers_that_the_author_looks_at_are_given_back_only_when_he_has_done() -> None:
    script = Script()
    script.offers(offer(1), told=False)
    assert wants(script, True, is_news=True) == []
    assert list(script.core.offers) == ["O1"]
    script.happens(events.Told(notices.OffersReceived((offer(1),))))
    made = wants(script, True)
    assert [call.type for call in made] == [Call.DECLINE, Call.REVIVE]


def test_new_work_revives_what_was_suppressed() -> None:
    script = Script("r", "s")
    wants(script, False)
    (revive,) = wants(script, True)
    assert list(revive.revive.roles) == ["r", "s"]
    assert wants(script, True) == []


def test_new_work_revives_what_was_declined_but_the_old_does_not() -> None:
    script = Script()
    script.offers(offer(1))
    script.passes(5_000)
    assert wants(script, True) == []
    assert [call.type for call in wants(script, True, is_news=True)] == [Call.REVIVE]
    assert wants(script, True, is_news=True) == []


def test_new_work_revives_what_was_not_used_of_an_accepted_offer() -> None:
    script = Script()
    script.offers(offer(1), offer(2), told=False)
    script.calls(calls.accept([offer(1).id], [], 0))
    assert wants(script, True, is_news=True) == []
    script.calls(calls.accept([offer(2).id], []))
    assert [call.type for call in wants(script, True, is_news=True)] == [Call.REVIVE]


def test_roles_that_the_author_suppresses_stay_so() -> None:
    script = Script("r", "s")
    script.calls(calls.suppress(["s"]))
    assert list(wants(script, False)[0].suppress.roles) == ["r"]
    assert list(wants(script, True)[0].revive.roles) == ["r"]
    script.lost()
    (connect,) = script.tick()
    assert isinstance(connect, actions.Connect)
    assert list(connect.call.subscribe.suppressed_roles) == ["s"]


def test_idle_framework_subscribes_without_wanting_offers() -> None:
    script = Script("r", "s")
    wants(script, False)
    script.lost()
    (connect,) = script.tick()
    assert isinstance(connect, actions.Connect)
    assert list(connect.call.subscribe.suppressed_roles) == ["r", "s"]


def test_work_that_comes_while_subscribing_revives_afterwards() -> None:
    script = Script()
    wants(script, False)
    script.lost()
    script.tick()
    assert wants(script, True, is_news=True) == []
    assert [call.type for call in sent(script.subscribed())] == [Call.REVIVE]


def test_work_that_ends_while_subscribing_suppresses_afterwards() -> None:
    script = Script()
    script.lost()
    script.tick()
    wants(script, False)
    assert [call.type for call in sent(script.subscribed())] == [Call.SUPPRESS]


def test_revive_of_the_author_is_news_of_work() -> None:
    script = Script()
    wants(script, False)
    script.calls(calls.revive())
    assert wants(script, True, is_news=True) == []


def test_roles_are_those_of_the_capability() -> None:
    plain = framework("a", role="b")
    assert roles_of(plain) == ("a",)
    plain.ClearField("capabilities")
    assert roles_of(plain) == ("b",)
    plain.ClearField("role")
    assert roles_of(plain) == ("*",)
