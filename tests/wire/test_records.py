"""The records: golden bytes of both dialects, round trips, and any bytes in."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance import rawclient
from tests.strategies import acls, buffers, ids, int32s, int64s, strings
from zkserver.wire.jute import DecodeError, Reader, pack_buffer
from zkserver.wire.opcodes import INTERNAL, WRITES, Op
from zkserver.wire.records import (
    MULTI_END,
    Acl,
    ConnectRequest,
    CreateRequest,
    pack_acl,
    pack_connect_response,
    pack_ids,
    pack_notification,
    pack_reply,
    pack_request,
    read_acl,
    read_connect_request,
    read_create,
    read_ids,
)

CONNECT_44 = bytes.fromhex(
    "00000000"  # protocolVersion
    "0000000000000007"  # lastZxidSeen
    "00002710"  # timeOut
    "0100000000000001"  # sessionId
    "00000010000102030405060708090a0b0c0d0e0f"  # passwd
)
PASSWORD = bytes(range(16))


def test_connect_request_of_44_bytes_expects_no_read_only_byte() -> None:
    assert len(CONNECT_44) == 44
    assert read_connect_request(CONNECT_44) == ConnectRequest(
        7, 10_000, 0x0100000000000001, PASSWORD, read_only=False, has_read_only=False
    )


@pytest.mark.parametrize(("last", "read_only"), [(b"\0", False), (b"\1", True)])
def test_connect_request_of_45_bytes_says_whether_read_only_will_do(
    last: bytes, read_only: bool
) -> None:
    request = read_connect_request(CONNECT_44 + last)
    assert (request.read_only, request.has_read_only) == (read_only, True)


@pytest.mark.parametrize("password", [None, b"", b"longer than sixteen bytes"])
def test_connect_request_takes_a_password_of_any_length(password: bytes | None) -> None:
    frame = rawclient.pack_connect(password=password, timeout_ms=5)[4:]
    request = read_connect_request(frame)
    assert request.password == (password or b"")
    assert (request.timeout_ms, request.has_read_only) == (5, True)


@pytest.mark.parametrize("cut", range(44))
def test_connect_request_cut_short_is_a_decode_error(cut: int) -> None:
    with pytest.raises(DecodeError):
        read_connect_request(CONNECT_44[:cut])


def test_connect_response_has_36_or_37_bytes_as_the_client_asked() -> None:
    old = pack_connect_response(4000, 5, PASSWORD, read_only=None)
    new = pack_connect_response(4000, 5, PASSWORD, read_only=False)
    assert (len(old), len(new)) == (4 + 36, 4 + 37)
    assert old.hex() == "000000240000000000000fa0000000000000000500000010" + (PASSWORD.hex())
    assert new == b"\0\0\0\x25" + old[4:] + b"\0"
    assert pack_connect_response(1, 1, PASSWORD, read_only=True)[-1] == 1


def test_create_request_of_a_real_client_is_taken_apart() -> None:
    body = bytes.fromhex(
        "00000002"
        "2f61"  # path
        "00000001"
        "78"  # data
        "00000001"
        "0000001f"
        "00000005"
        "776f726c64"
        "00000006"
        "616e796f6e65"
        "00000003"  # flags
    )
    acl = (Acl(31, b"world", b"anyone"),)
    request = read_create(Reader(body), with_ttl=False)
    assert request == CreateRequest(b"/a", b"x", acl, 3, 0)
    with pytest.raises(DecodeError):
        read_create(Reader(body), with_ttl=True)
    with_ttl = read_create(Reader(body + struct.pack(">q", 1 << 40)), with_ttl=True)
    assert with_ttl.ttl_ms == 1 << 40


def test_notification_reply_and_request_have_the_frames_of_the_protocol() -> None:
    assert pack_notification(3, b"/a", 9).hex() == (
        "0000001effffffff0000000000000009000000000000000300000003000000022f61"
    )
    assert pack_reply(7, 3, -101).hex() == "00000010000000070000000000000003ffffff9b"
    assert pack_reply(7, 3, 0, b"zz").hex() == ("00000012000000070000000000000003000000007a7a")
    assert pack_request(-2, 11).hex() == "00000008fffffffe0000000b"
    assert MULTI_END.hex() == "ffffffff01ffffffff"


def test_null_strings_in_an_acl_stay_null() -> None:
    packed = bytes.fromhex("0000000100000001ffffffffffffffff")
    assert read_acl(Reader(packed)) == (Acl(1, None, None),)
    assert read_acl(Reader(bytes.fromhex("ffffffff"))) == ()


@given(acls)
def test_acl_comes_back_as_packed(acl: tuple[Acl, ...]) -> None:
    assert read_acl(Reader(pack_acl(acl))) == acl


@given(ids)
def test_identities_come_back_as_packed(own: tuple[tuple[bytes, bytes], ...]) -> None:
    assert read_ids(pack_ids(own)) == own


@given(strings, buffers, acls, int32s, int64s)
def test_create_request_comes_back_as_packed(
    path: bytes, data: bytes | None, acl: tuple[Acl, ...], flags: int, ttl_ms: int
) -> None:
    packed = pack_buffer(path) + pack_buffer(data) + pack_acl(acl)
    packed += struct.pack(">iq", flags, ttl_ms)
    request = read_create(Reader(packed), with_ttl=True)
    assert request == CreateRequest(path, data, acl, flags, ttl_ms)


@given(int64s, int32s, int64s, st.binary(max_size=20), st.none() | st.booleans())
def test_connect_request_comes_back_as_an_independent_packer_made_it(
    zxid: int, timeout_ms: int, session: int, password: bytes, read_only: bool | None
) -> None:
    frame = rawclient.pack_connect(
        last_zxid=zxid,
        timeout_ms=timeout_ms,
        session_id=session,
        password=password,
        read_only=read_only,
    )
    assert read_connect_request(frame[4:]) == ConnectRequest(
        zxid, timeout_ms, session, password, bool(read_only), read_only is not None
    )


@given(int32s, int64s, st.binary(min_size=16, max_size=16), st.none() | st.booleans())
def test_connect_response_is_understood_by_an_independent_reader(
    timeout_ms: int, session: int, password: bytes, read_only: bool | None
) -> None:
    frame = pack_connect_response(timeout_ms, session, password, read_only=read_only)
    assert struct.unpack_from(">i", frame)[0] == len(frame) - 4
    told = rawclient.read_handshake(frame[4:])
    assert told == rawclient.Handshake(0, timeout_ms, session, password, read_only)


@given(st.binary(max_size=80))
def test_any_bytes_as_a_record_give_the_record_or_a_decode_error(data: bytes) -> None:
    for read in (
        lambda: read_connect_request(data),
        lambda: read_acl(Reader(data)),
        lambda: read_ids(data),
        lambda: read_create(Reader(data), with_ttl=True),
        lambda: read_create(Reader(data), with_ttl=False),
    ):
        try:
            read()
        except DecodeError:
            continue


def test_reads_writes_and_internal_operations_are_apart() -> None:
    assert not WRITES & INTERNAL
    reads = {Op.GET_DATA, Op.EXISTS, Op.GET_CHILDREN, Op.GET_CHILDREN2, Op.GET_ACL, Op.SYNC}
    assert not WRITES & reads
    assert {
        Op.CREATE_SESSION,
        Op.ATTACH_SESSION,
        Op.EXPIRE_SESSION,
        Op.FOUND,
        Op.DELETE_CONTAINER,
    } == INTERNAL


def test_malformed_identities_in_an_acl_are_replaced_as_by_java() -> None:
    packed = pack_acl((Acl(31, b"digest", b"ann:\xc4v="),))
    assert read_acl(Reader(packed)) == (Acl(31, b"digest", b"ann:\xef\xbf\xbdv="),)
