"""Server lines, the text of a membership, and what a reconfig makes of it.

The tables of answers were taken from Apache ZooKeeper 3.8.0: ensembles of three servers on
the loopback address with reconfigEnabled=true, once with standaloneEnabled=true and once
with false, asked by kazoo as the super user. A number is the error code it answered, a
text is what it had in its new membership.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zkserver.errors import InvariantBrokenError, StartError
from zkserver.replica.membership import (
    ANY_HOST,
    SERVER_ID_MAX,
    BadMemberError,
    Member,
    Membership,
    parse_member,
    plan_reconfig,
    read_server_id,
)
from zkserver.wire.opcodes import Code

ONE = "server.1=127.0.0.1:2101:2102:participant"
TWO = "server.2=127.0.0.1:2201:2202:participant"
THREE = "server.3=127.0.0.1:2301:2302:participant"
ALL = f"{ONE},{TWO},{THREE}"
NINE = "server.9=127.0.0.1:1:2:observer;3"
NINE_SHOWN = "server.9=127.0.0.1:1:2:observer;0.0.0.0:3"
CURRENT = Membership.parse(f"{ONE}\n{TWO}\n{THREE}\nversion=100000000".encode())
ZXID = 0x1_0000_0007


def plan(
    joining: str | None = None,
    leaving: str | None = None,
    members: str | None = None,
    version: int = -1,
    *,
    standalone_enabled: bool = True,
) -> str | int:
    """The lines of the new membership, or the code; checks the version on the way."""
    planned = plan_reconfig(
        CURRENT,
        None if joining is None else joining.encode(),
        None if leaving is None else leaving.encode(),
        None if members is None else members.encode(),
        version,
        zxid=ZXID,
        standalone_enabled=standalone_enabled,
    )
    if isinstance(planned, Code):
        return int(planned)
    lines, _, last = planned.text().decode().rpartition("\n")
    assert last == "version=100000007"
    return lines.replace("\n", ",")


#: What stands behind server.9= -> what the member's line says in the end.
SPECS: list[tuple[str, str | int]] = [
    ("127.0.0.1:1:2:observer;3", "127.0.0.1:1:2:observer;0.0.0.0:3"),
    ("127.0.0.1:1:2:observer;127.0.0.1:3", "127.0.0.1:1:2:observer;127.0.0.1:3"),
    ("127.0.0.1:1:2:observer;[::1]:3", "127.0.0.1:1:2:observer;[0:0:0:0:0:0:0:1]:3"),
    ("127.0.0.1:1:2:observer;3;", "127.0.0.1:1:2:observer;0.0.0.0:3"),
    ("127.0.0.1:1:2:observer;1", "127.0.0.1:1:2:observer;0.0.0.0:1"),
    ("127.0.0.1:1:2:observer;0", "127.0.0.1:1:2:observer;0.0.0.0:0"),
    ("localhost:1:2:observer;localhost:3", "localhost:1:2:observer;localhost:3"),
    # Addresses are written in Java's way, names as they came.
    ("[::1]:1:2:observer;3", "[0:0:0:0:0:0:0:1]:1:2:observer;0.0.0.0:3"),
    ("[fe80::0:1]:1:2:observer;3", "[fe80:0:0:0:0:0:0:1]:1:2:observer;0.0.0.0:3"),
    ("[2001:DB8::]:1:2:observer;3", "[2001:db8:0:0:0:0:0:0]:1:2:observer;0.0.0.0:3"),
    ("[::ffff:10.0.0.1]:1:2:observer;3", "10.0.0.1:1:2:observer;0.0.0.0:3"),
    ("127.1:1:2:observer;3", "127.0.0.1:1:2:observer;0.0.0.0:3"),
    ("010.0.0.1:1:2:observer;3", "10.0.0.1:1:2:observer;0.0.0.0:3"),
    ("127.70000:1:2:observer;3", "127.1.17.112:1:2:observer;0.0.0.0:3"),
    ("256.1.1.1:1:2:observer;3", "256.1.1.1:1:2:observer;0.0.0.0:3"),
    ("1.2.3.4.5:1:2:observer;3", "1.2.3.4.5:1:2:observer;0.0.0.0:3"),
    ("h9.invalid:1:2:observer;3", "h9.invalid:1:2:observer;0.0.0.0:3"),
    ("H9.Invalid:1:2:observer;3", "H9.Invalid:1:2:observer;0.0.0.0:3"),
    # Ports are read as Java reads an int.
    ("127.0.0.1:+1:2:observer;3", "127.0.0.1:1:2:observer;0.0.0.0:3"),
    ("127.0.0.1:01:2:observer;3", "127.0.0.1:1:2:observer;0.0.0.0:3"),
    ("127.0.0.1:0:2:observer;3", "127.0.0.1:0:2:observer;0.0.0.0:3"),
    # Roles in any case, with blanks; a missing one is that of a participant.
    ("127.0.0.1:1:2: Observer ;3", "127.0.0.1:1:2:observer;0.0.0.0:3"),
    ("127.0.0.1:1:2:OBSERVER;3", "127.0.0.1:1:2:observer;0.0.0.0:3"),
    ("127.0.0.1:1:2:observer:;3", "127.0.0.1:1:2:observer;0.0.0.0:3"),
    ("127.0.0.1:1:2:observer|;3", "127.0.0.1:1:2:observer;0.0.0.0:3"),
    ("127.0.0.1:1:2;3", "127.0.0.1:1:2:participant;0.0.0.0:3"),
    ("127.0.0.1:1:2:;3", "127.0.0.1:1:2:participant;0.0.0.0:3"),
    ("127.0.0.1:1:2::;3", "127.0.0.1:1:2:participant;0.0.0.0:3"),
    ("127.0.0.1:1:2:boss;3", -8),
    ("127.0.0.1:1:2:observer:x;3", -8),
    # Who joins needs a client port.
    ("127.0.0.1:1:2:observer", -8),
    ("127.0.0.1:1:2:observer;", -8),
    ("127.0.0.1:1:2:observer;;", -8),
    ("127.0.0.1:1:2:observer;;4", -8),
    ("127.0.0.1:1:2:observer;3;4", -8),
    ("127.0.0.1:1:2:observer; 3", -8),
    ("127.0.0.1:1:2:observer;x", -8),
    ("127.0.0.1:1:2:observer;a:b:3", -8),
    ("127.0.0.1:1:2:observer;127.0.0.1:", -8),
    ("127.0.0.1:1:2:observer;:", -5),
    ("127.0.0.1:1:2:observer;70000", -5),
    ("127.0.0.1:1:2:observer|127.0.0.2:1:2:observer;3", -8),
    (";", -5),
    (";3", -8),
    ("", -8),
    ("127.0.0.1;3", -8),
    ("127.0.0.1:1;3", -8),
    ("127.0.0.1:1:1:observer;3", -8),
    ("127.0.0.1:x:2:observer;3", -8),
    ("127.0.0.1:1:y:observer;3", -8),
    ("127.0.0.1: 1:2:observer;3", -8),
    ("127.0.0.1:99999999999:2:observer;3", -8),
    ("127.0.0.1:70000:2:observer;3", -5),
    ("127.0.0.1:1:70000:observer;3", -5),
    ("127.0.0.1:-1:2:observer;3", -5),
    ("[::1:1:2:observer;3", -8),
    ("[::1];3", -8),
    ("[::1]:;3", -8),
    ("::1:1:2:observer;3", -8),
]


@pytest.mark.parametrize(("spec", "answer"), SPECS)
def test_who_joins_is_read_as_apache_reads_it(spec: str, answer: str | int) -> None:
    expected = answer if isinstance(answer, int) else f"{ALL},server.9={answer}"
    assert plan(joining=f"server.9={spec}") == expected


#: A whole list of who joins -> what is there in the end.
JOINING: list[tuple[str, str | int]] = [
    ("", ALL),
    (" , ,", ALL),
    (f"{NINE},{NINE}", f"{ALL},{NINE_SHOWN}"),
    (f" {NINE} , ", f"{ALL},{NINE_SHOWN}"),
    ("server.9 = 127.0.0.1:1:2:observer;3", f"{ALL},{NINE_SHOWN}"),
    ("server.9==127.0.0.1:1:2:observer;3", f"{ALL},{NINE_SHOWN}"),
    ("server.9=127.0.0.1:1:2:observer;3=", f"{ALL},{NINE_SHOWN}"),
    ("server.9=127.0.0.1:1:2:observer;3=4", -8),
    # Only the number behind the last dot counts.
    ("9=127.0.0.1:1:2:observer;3", f"{ALL},{NINE_SHOWN}"),
    ("foo.bar.9=127.0.0.1:1:2:observer;3", f"{ALL},{NINE_SHOWN}"),
    ("server.09=127.0.0.1:1:2:observer;3", f"{ALL},{NINE_SHOWN}"),
    ("server.+9=127.0.0.1:1:2:observer;3", f"{ALL},{NINE_SHOWN}"),
    ("server.999=127.0.0.1:1:2:observer;3", f"{ALL},server.999=127.0.0.1:1:2:observer;0.0.0.0:3"),
    ("server.0=127.0.0.1:1:2:observer;3", f"server.0=127.0.0.1:1:2:observer;0.0.0.0:3,{ALL}"),
    ("server.x=127.0.0.1:1:2:observer;3", -5),
    ("server.=127.0.0.1:1:2:observer;3", -5),
    ("server.99999999999999999999=127.0.0.1:1:2:observer;3", -5),
    ("server.9", -8),
    ("some thing", -8),
    ("=127.0.0.1:1:2:observer;3", -8),
    ("group.1=1:2:3", -8),
    ("version=5", -5),
    # A member that joins again is changed: its role, its addresses.
    (
        "server.1=10.1.2.3:1:2:observer;3,server.9=10.1.2.3:4:5:observer;6",
        "server.1=10.1.2.3:1:2:observer;0.0.0.0:3,"
        f"{TWO},{THREE},server.9=10.1.2.3:4:5:observer;0.0.0.0:6",
    ),
    ("server.1=:observer", -8),
    # An address may be taken once: client ports at 0.0.0.0 are each server's own.
    (
        "server.8=10.1.2.3:1:2:observer;3,server.9=10.1.2.3:4:5:observer;3",
        f"{ALL},server.8=10.1.2.3:1:2:observer;0.0.0.0:3,server.9=10.1.2.3:4:5:observer;0.0.0.0:3",
    ),
    (
        "server.8=10.1.2.3:1:2:observer;10.1.2.3:1",
        f"{ALL},server.8=10.1.2.3:1:2:observer;10.1.2.3:1",
    ),
    ("server.8=10.1.2.3:1:2:observer;3,server.9=10.1.2.3:4:5:observer;10.1.2.3:1", -8),
    ("server.8=10.1.2.3:1:2:observer;3,server.9=10.1.2.3:2:5:observer;6", -8),
    ("server.8=10.1.2.3:1:2:observer;3,server.9=10.1.2.3:1:5:observer;6", -8),
    (
        "server.8=10.1.2.3:1:2:observer;10.1.2.3:3,server.9=10.1.2.3:4:5:observer;10.1.2.3:3",
        -8,
    ),
    ("server.8=[2001:db8::1]:1:2:observer;3,server.9=[2001:db8:0::1]:1:5:observer;6", -8),
    ("server.8=[::ffff:10.0.0.1]:1:2:observer;3,server.9=10.0.0.1:1:5:observer;6", -8),
]


@pytest.mark.parametrize(("joining", "answer"), JOINING)
def test_a_list_of_who_joins_is_read_as_apache_reads_it(joining: str, answer: str | int) -> None:
    assert plan(joining=joining) == answer


@pytest.mark.parametrize("host", ["127.0.0.2", "0.0.0.0", "[0:0:0:0:0:0:0:0]", "localhost"])
def test_loopback_and_wildcard_addresses_may_be_taken_twice(host: str) -> None:
    eight = f"server.8={host}:1:2:observer;0.0.0.0:3"
    nine = f"server.9={host}:1:2:observer;0.0.0.0:3"
    assert plan(joining=f"{eight},{nine}") == f"{ALL},{eight},{nine}"


#: Who leaves -> with standaloneEnabled=true, and with false.
LEAVING: list[tuple[str, str | int, str | int]] = [
    ("", ALL, ALL),
    ("9", ALL, ALL),
    (" 9 , 8", ALL, ALL),
    ("-9", ALL, ALL),
    ("3", f"{ONE},{TWO}", f"{ONE},{TWO}"),
    ("x", -5, -5),
    ("1,x", -5, -5),
    ("1.5", -5, -5),
    ("server.1", -5, -5),
    ("1,2", -8, THREE),
    ("2,1,2", -8, THREE),
    ("1,2,3", -8, -8),
]


@pytest.mark.parametrize(("leaving", "standalone", "ensemble"), LEAVING)
def test_who_leaves_and_how_many_must_stay(
    leaving: str, standalone: str | int, ensemble: str | int
) -> None:
    assert plan(leaving=leaving) == standalone
    assert plan(leaving=leaving, standalone_enabled=False) == ensemble


def test_those_who_leave_go_before_those_who_join_come() -> None:
    assert plan(leaving="9", joining=NINE) == f"{ALL},{NINE_SHOWN}"
    assert plan(leaving="x", joining="bad") == -5
    assert plan(leaving="1,2,3", joining="bad") == -8


#: A whole membership -> with standaloneEnabled=true, and with false.
MEMBERS: list[tuple[str, str | int, str | int]] = [
    (ALL, ALL, ALL),
    (f"{ONE}\n{TWO}\n{THREE}\n{NINE}", f"{ALL},{NINE_SHOWN}", f"{ALL},{NINE_SHOWN}"),
    (f"{ONE}, {TWO} , {THREE}", ALL, ALL),
    (f"{ALL},server.9=127.0.0.1:1:2:observer", f"{ALL},server.9=127.0.0.1:1:2:observer", ""),
    (f"{ALL},server.9=127.0.0.1:1:2:observer;;", f"{ALL},server.9=127.0.0.1:1:2:observer", ""),
    (f"{ALL},server.9 127.0.0.1:1:2:observer;3", f"{ALL},{NINE_SHOWN}", ""),
    (f"{ALL},server.9:127.0.0.1:1:2:observer;3", f"{ALL},{NINE_SHOWN}", ""),
    (f"{ALL},server.9=127.0.0.1:1:2:\\\nobserver;3", f"{ALL},{NINE_SHOWN}", ""),
    (f"{ALL},\\u0073erver.9=127.0.0.1:1:2:observer;3", f"{ALL},{NINE_SHOWN}", ""),
    (f"{ALL},server.09=127.0.0.1:1:2:observer;3", f"{ALL},{NINE_SHOWN}", ""),
    (f"{ALL},server.9=127.0.0.1:4:5;6,{NINE}", f"{ALL},{NINE_SHOWN}", ""),
    (f"{ALL},#{NINE}", ALL, ""),
    (f"{ALL},version=5", ALL, ""),
    # Nobody looks for addresses that are taken twice.
    (
        f"{ALL},server.8=10.1.2.3:1:2:observer,server.9=10.1.2.3:1:2:observer",
        f"{ALL},server.8=10.1.2.3:1:2:observer,server.9=10.1.2.3:1:2:observer",
        "",
    ),
    (ONE, -8, ONE),
    (f"{THREE},{NINE}", -5, f"{THREE},{NINE_SHOWN}"),
    (NINE, -5, -5),
    ("version=5", -8, -5),
    ("", -8, -5),
    (" ", -8, -5),
    (",,,", -8, -5),
    (f"{ALL},server.x=127.0.0.1:1:2:observer;3", -5, -5),
    (f"{ALL},server.=127.0.0.1:1:2:observer;3", -5, -5),
    (f"{ALL},server.9.9=127.0.0.1:1:2:observer;3", -5, -5),
    (f"{ALL},server.9=;", -5, -5),
    (f"{ALL},server.9=127.0.0.1:70000:2:observer;3", -5, -5),
    (f"{ALL},version=zz", -5, -5),
    (f"{ALL},\\u00zz", -5, -5),
    (f"{ALL},foo.9=127.0.0.1:1:2:observer;3", -8, -8),
    (f"{ALL},tickTime=5", -8, -8),
    (f"{ALL},foo", -8, -8),
    (f"{ALL},server.9", -8, -8),
    (f"{ALL},server.9=", -8, -8),
    (f"{ALL},server.9=bad", -8, -8),
    (f"{ALL},server.9=127.0.0.1:1:1:observer;3", -8, -8),
    (f"{ALL},server.9=127.0.0.1:x:2:observer;3", -8, -8),
    (f"{ALL},server.9=127.0.0.1:1:2:boss;3", -8, -8),
    (f"{ALL},weight.1=1", -8, -8),
    ("nonsense", -8, -8),
    ("=", -8, -8),
]


@pytest.mark.parametrize(("members", "standalone", "ensemble"), MEMBERS)
def test_a_whole_membership_is_read_as_apache_reads_it(
    members: str, standalone: str | int, ensemble: str | int
) -> None:
    assert plan(members=members) == standalone
    # An empty text in the table: the setting makes no difference.
    assert plan(members=members, standalone_enabled=False) == (
        standalone if ensemble == "" else ensemble
    )


def test_a_whole_membership_outweighs_who_joins_and_leaves() -> None:
    assert plan("bad", "x", ALL) == ALL


@pytest.mark.parametrize("version", [0, 1, -2, ZXID])
@pytest.mark.parametrize("joining", [None, "bad"])
def test_another_version_is_refused_before_anything_is_read(
    version: int, joining: str | None
) -> None:
    assert plan(joining=joining, version=version) == -103
    assert plan(members=joining or ALL, version=version) == -103


@pytest.mark.parametrize("version", [-1, 0x1_0000_0000])
def test_the_version_in_force_or_none_will_do(version: int) -> None:
    assert plan(version=version) == ALL


def test_bytes_that_are_no_text_are_bad_arguments() -> None:
    for joining in (b"\xff\xfe", b"server.9=\xff:1:2:observer;3"):
        planned = plan_reconfig(CURRENT, joining, None, None, -1, zxid=ZXID)
        assert planned == Code.BAD_ARGUMENTS


@pytest.mark.parametrize(
    ("joining", "answer"),
    [
        # Apache takes any long for an id; a ballot has sixteen bits for it.
        ("server.70000=127.0.0.1:1:2:observer;3", -8),
        ("server.-9=127.0.0.1:1:2:observer;3", -8),
        # Apache takes these for names that it cannot look up, or for the loopback address.
        ("server.9=a b:1:2:observer;3", -8),
        ("server.9=127.0.0.1 :1:2:observer;3", -8),
        ("server.9=[::zz]:1:2:observer;3", -8),
        ("server.9=:1:2:observer;3", -8),
        ("server.9=127.0.0.1:1:2:observer;:3", -8),
        # Apache compares what names resolve to, so those that do not are never taken twice.
        ("server.8=h.invalid:1:2:observer;3,server.9=H.invalid:1:5:observer;3", -8),
    ],
)
def test_what_is_refused_though_apache_takes_it(joining: str, answer: int) -> None:
    assert plan(joining=joining) == answer


def test_groups_are_refused_though_apache_takes_them() -> None:
    assert plan(members=f"{ALL},group.1=1:2:3,weight.1=1") == -8


def test_blanks_at_the_end_of_a_line_are_forgiven_though_apache_refuses_them() -> None:
    assert plan(members=f"{ALL},{NINE} ") == f"{ALL},{NINE_SHOWN}"


def test_lines_stand_in_ascending_order_where_apaches_stand_in_that_of_a_hash_table() -> None:
    joining = "server.100=h:1:2;3,server.16=g:1:2;3,server.17=f:1:2;3"
    told = plan(joining=joining)
    assert isinstance(told, str)
    ids = [line.partition("=")[0] for line in told.split(",")]
    assert ids == [f"server.{n}" for n in (1, 2, 3, 16, 17, 100)]


# Text and parts.


def written_by_java(address: IPv6Address) -> str:
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return ":".join(f"{int(group, 16):x}" for group in address.exploded.split(":"))


hosts = st.one_of(
    st.text("Zaz09_.-", max_size=8).map("h".__add__),
    st.integers(0, (1 << 32) - 1).map(IPv4Address).map(str),
    st.integers(0, (1 << 128) - 1).map(IPv6Address).map(written_by_java),
)
ports = st.integers(0, 65535)


@st.composite
def members(draw: st.DrawFn) -> Member:
    quorum, election = draw(st.lists(ports, min_size=2, max_size=2, unique=True))
    server_id = draw(st.integers(0, SERVER_ID_MAX))
    member = Member(server_id, draw(hosts), quorum, election, draw(st.booleans()))
    if draw(st.booleans()):
        return member
    return member._replace(client_host=draw(hosts | st.just(ANY_HOST)), client_port=draw(ports))


@given(st.lists(members(), max_size=4), st.integers(0, (1 << 63) - 1))
def test_the_text_of_a_membership_is_read_back(listed: list[Member], version: int) -> None:
    membership = Membership.of(listed, version)
    assert Membership.parse(membership.text()) == membership
    for member in membership.members:
        assert parse_member(member.server_id, member.spec) == member


@given(st.binary(max_size=80), st.booleans())
def test_any_bytes_get_an_answer(data: bytes, whole: bool) -> None:
    joining, new = (None, data) if whole else (data, None)
    planned = plan_reconfig(CURRENT, joining, None, new, -1, zxid=ZXID)
    assert isinstance(planned, Membership | Code)


@given(st.text("server.=19:;|[]abx,\n \\-+", max_size=40))
def test_anything_like_a_line_is_an_answer_that_can_be_read_back(text: str) -> None:
    planned = plan_reconfig(CURRENT, text.encode(), None, None, -1, zxid=ZXID)
    if isinstance(planned, Membership):
        assert Membership.parse(planned.text()) == planned
    else:
        assert planned in (Code.BAD_ARGUMENTS, Code.MARSHALLING_ERROR)


def test_the_text_is_what_apache_writes() -> None:
    # As a fresh ensemble had it, two client ports added.
    text = (
        b"server.1=127.0.0.1:22002:22003:participant\n"
        b"server.2=127.0.0.1:22004:22005:participant;0.0.0.0:2181\n"
        b"server.9=h:1:2:observer;127.0.0.1:3\n"
        b"version=100000000"
    )
    membership = Membership.parse(text)
    assert membership.text() == text
    assert (membership.voters, membership.observers) == ((1, 2), (9,))
    assert membership.version == 0x1_0000_0000
    assert membership.members[0].client_port is None
    assert membership.member(2).client_host == ANY_HOST


def test_a_member_that_is_not_there() -> None:
    assert CURRENT.get(4) is None
    with pytest.raises(StartError, match=r"the id 4 .* server\.1, server\.2, server\.3"):
        CURRENT.member(4)
    with pytest.raises(StartError, match="none"):
        Membership(0, ()).member(1)


def test_members_are_never_out_of_order() -> None:
    with pytest.raises(InvariantBrokenError, match="not in order"):
        Membership(0, CURRENT.members[::-1])


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("a:1", "must be HOST:PORT:ELECTIONPORT"),
        (";", "must be HOST:PORT:ELECTIONPORT"),
        ("a:x:2", "port 'x': must be a number"),
        ("a:1:70000", "election port 70000: must be from 0 to 65535"),
        ("a:1:2;99999", "client port 99999: must be"),
        ("a:1:1", "both are 1"),
        ("a:1:2:boss", "role 'boss': must be participant or observer"),
        ("a:1:2|b:1:2", "several addresses"),
        ("a:1:2;3;4", "TLS"),
        ("[::1:1:2", "no closing"),
        ("[::1]1:2", "must follow the closing bracket"),
        ("[1:2]:1:2", "host '1:2'"),
        ("a/b:1:2", "host 'a/b': must be a host name"),
        ("[fe80::1%a b]:1:2", "must be a host name"),
        ("a:1:2;:", "must have a port"),
        ("a:1:2;b:c:3", "must be PORT or HOST:PORT"),
    ],
)
def test_an_error_names_what_is_wrong(spec: str, expected: str) -> None:
    with pytest.raises(BadMemberError) as caught:
        parse_member(1, spec)
    assert expected in str(caught.value)


def test_a_scoped_address_keeps_its_scope() -> None:
    assert parse_member(1, "[fe80::1%eth0]:1:2").host == "fe80:0:0:0:0:0:0:1%eth0"


@pytest.mark.parametrize("text", ["-1", "65536"])
def test_ids_have_sixteen_bits(text: str) -> None:
    with pytest.raises(BadMemberError, match="from 0 to 65535"):
        read_server_id(text)


def test_a_mistake_in_a_text_is_told_with_its_line() -> None:
    with pytest.raises(BadMemberError, match=r"^server\.1=a:1: must be HOST"):
        Membership.parse(b"server.1=a:1\nversion=0")
