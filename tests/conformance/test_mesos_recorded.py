"""What Apache Mesos answered is asked again of ours; and what tells differences tells them."""

from __future__ import annotations

import asyncio

import pytest

from conformance.mesos.recorded.comparing import Comparer, parse
from conformance.mesos.recorded.differences import NOT_PLAYED, judge
from conformance.mesos.recorded.names import Names
from conformance.mesos.recorded.recordings import GOLDEN, Answer, Section, split_records
from conformance.mesos.recorded.sections import PLAYS, perform_all
from conformance.mesos.recorded.stage import Outcome

_THEIRS = "e9211b1c-da26-458c-a3d2-d447d173f361"
_OURS = "11111111-2222-3333-4444-555555555555"


def test_whatever_differs_from_the_recording_is_explained_and_nothing_else_is() -> None:
    verdicts, idle = judge(asyncio.run(perform_all(PLAYS)))
    assert not [fault for verdict in verdicts for fault in verdict.faults]
    assert not idle
    assert sum(verdict.equal for verdict in verdicts) > 600


def test_every_section_of_the_recording_is_played() -> None:
    played = [name for play in PLAYS for name in play.sections]
    assert sorted(played) == sorted(path.name for path in GOLDEN.iterdir() if path.is_dir())


class TestNames:
    def test_a_pair_is_made_once_and_then_binds_both_ways(self) -> None:
        names = Names()
        assert names.agree(f"offer {_THEIRS}-O7 is gone", f"offer {_OURS}-O0 is gone")
        assert names.to_ours(f'"{_THEIRS}-O7"') == f'"{_OURS}-O0"'
        assert not names.agree(f"{_THEIRS}-O7", f"{_OURS}-O1")
        assert not names.agree(f"{_THEIRS}-O8", f"{_OURS}-O0")

    def test_words_between_names_have_to_be_the_same(self) -> None:
        assert not Names().agree(f"{_THEIRS} is known", f"{_OURS} is unknown")

    def test_a_port_is_not_found_within_a_longer_number(self) -> None:
        names = Names()
        names.add_piece(":5050", ":50505")
        assert names.to_ours("127.0.0.1:5050 :50501") == "127.0.0.1:50505 :50501"
        assert names.to_recorded("127.0.0.1:50505") == "127.0.0.1:5050"


class TestComparing:
    @pytest.mark.parametrize(
        ("recorded", "ours", "differs"),
        [
            ('{"a":1,"b":2}', '{"a":1,"b":2}', False),
            ('{"a":1,"b":2}', '{"b":2,"a":1}', True),
            ('{"resources":{"a":1,"b":2}}', '{"resources":{"b":2,"a":1}}', False),
            ('{"a":1}', '{"a":1.0}', True),
            ('{"a":1}', "{}", True),
            ("{}", '{"a":1}', True),
            ("[1,2]", "[2,1]", True),
            ('{"timestamp":1.5}', '{"timestamp":2.5}', False),
            ('{"port":5050}', '{"port":41234}', False),
            ('{"port":5050}', '{"port":41235}', True),
            ('{"slaves":[{"a":1},{"a":2}]}', '{"slaves":[{"a":2},{"a":1}]}', False),
        ],
    )
    def test_values_differ_or_not(self, recorded: str, ours: str, differs: bool) -> None:
        comparer = Comparer(Names(), {41234: 5050})
        found = list(comparer.values(parse(recorded.encode()), parse(ours.encode())))
        assert bool(found) == differs

    def test_headers_have_to_be_there_and_times_may_differ(self) -> None:
        comparer = Comparer(Names(), {})
        recorded = Answer("200 OK", (("Date", "now"), ("Allow", "GET")), b"")
        same = Answer("200 OK", (("allow", "GET"), ("Date", "then")), b"")
        assert not list(comparer.heads(recorded, same))
        more = Answer("200 OK", (*same.headers, ("Server", "me")), b"")
        assert list(comparer.heads(recorded, more)) == ["header server: None, ours 'me'"]
        assert list(comparer.heads(recorded, Answer("204 No Content", same.headers, b"")))


class TestJudging:
    def test_cases_that_were_not_played_are_faults(self) -> None:
        verdicts, _ = judge([Outcome(Section("ha"))])
        assert f"ha/nonleader-api: {NOT_PLAYED}" in verdicts[0].faults

    def test_differences_that_explain_nothing_are_told(self) -> None:
        _, idle = judge([])
        assert idle


def test_records_of_a_stream_are_split_by_their_lengths() -> None:
    assert split_records(b'2\n{}13\n{"a":"\\n1\\n"}') == [b"{}", b'{"a":"\\n1\\n"}']
