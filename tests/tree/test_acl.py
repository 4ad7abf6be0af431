"""Access control lists: what is stored, what is shown, and whom they let in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zkserver.tree.acl import OPEN, AclList, Identities, allows, fix_acl, masked
from zkserver.wire.opcodes import Code, Perm

SCHEMES = frozenset((b"digest", b"ip"))
IP: Identities = ((b"ip", b"127.0.0.1"),)
USER: Identities = (*IP, (b"digest", b"u:h"))


@pytest.mark.parametrize(
    ("entries", "identities", "stored"),
    [
        (OPEN, IP, OPEN),
        (((1, b"world", b"anyone"),) * 2, IP, ((1, b"world", b"anyone"),)),
        (((0, b"world", b"anyone"),), IP, ((0, b"world", b"anyone"),)),
        (((-1, b"world", b"anyone"),), IP, ((-1, b"world", b"anyone"),)),
        (((31, b"auth", b"whatever"),), USER, ((31, b"digest", b"u:h"),)),
        (
            ((1, b"auth", b""), (2, b"ip", b"10.0.0.0/8")),
            (*USER, (b"digest", b"v:h"), (b"x509", b"CN=c")),
            (
                (1, b"digest", b"u:h"),
                (1, b"digest", b"v:h"),
                (1, b"x509", b"CN=c"),
                (2, b"ip", b"10.0.0.0/8"),
            ),
        ),
        (((4, b"digest", b":x"),), IP, ((4, b"digest", b":x"),)),
    ],
)
def test_valid_list_is_stored(entries: AclList, identities: Identities, stored: AclList) -> None:
    assert fix_acl(entries, identities, SCHEMES) == stored


@pytest.mark.parametrize(
    "entries",
    [
        (),
        ((31, b"world", b"someone"),),
        ((31, b"auth", b""),),
        ((31, b"super", b""),),
        ((31, b"sasl", b"u"),),
        ((31, b"nonsense", b"u"),),
        ((31, b"digest", b"a"),),
        ((31, b"digest", b"a:"),),
        ((31, b"digest", b"a:b:c"),),
        ((31, b"ip", b"1.2.3"),),
        ((31, b"ip", b"1.2.3.256"),),
        ((31, b"ip", b"1.2.3.4/33"),),
        ((31, b"ip", b"1.2.3.4/"),),
        ((31, b"ip", b""),),
        (*OPEN, (31, b"digest", b"a")),
    ],
)
def test_invalid_list_is_refused(entries: AclList) -> None:
    assert fix_acl(entries, IP, SCHEMES) == Code.INVALID_ACL


@pytest.mark.parametrize(
    ("scheme", "code"),
    [
        (None, Code.INVALID_ACL),
        (b"nonsense", Code.INVALID_ACL),
        (b"auth", Code.INVALID_ACL),
        (b"world", Code.MARSHALLING_ERROR),
        (b"digest", Code.MARSHALLING_ERROR),
        (b"ip", Code.MARSHALLING_ERROR),
    ],
)
def test_null_id_is_refused_as_apache_refuses_it(scheme: bytes | None, code: Code) -> None:
    assert fix_acl(((31, scheme, None),), IP, SCHEMES) == code


def test_scheme_that_is_switched_off_is_refused() -> None:
    assert fix_acl(((31, b"digest", b"u:h"),), USER, frozenset((b"ip",))) == Code.INVALID_ACL


@pytest.mark.parametrize(
    ("acl", "perm", "identities", "allowed"),
    [
        ((), Perm.ADMIN, (), True),
        (((1, b"world", b"anyone"),), Perm.READ, (), True),
        (((1, b"world", b"anyone"),), Perm.WRITE, USER, False),
        (((31, b"digest", b"u:h"),), Perm.WRITE, USER, True),
        (((31, b"digest", b"u:h"),), Perm.WRITE, IP, False),
        (((31, b"digest", b"v:h"),), Perm.WRITE, USER, False),
        (((31, b"digest", b"v:h"),), Perm.WRITE, (*IP, (b"super", b"")), True),
        (((1, b"digest", b"u:h"), (2, b"world", b"anyone")), Perm.WRITE, IP, True),
        (((31, b"ip", b"127.0.0.1"),), Perm.READ, IP, True),
        (((31, b"ip", b"127.9.9.9/8"),), Perm.READ, IP, True),
        (((31, b"ip", b"127.0.0.2/31"),), Perm.READ, IP, False),
        (((31, b"ip", b"1.2.3.4/0"),), Perm.READ, IP, True),
        (((31, b"ip", b"127.0.0.1"),), Perm.READ, ((b"ip", b"::1"),), False),
    ],
)
def test_entry_grants_its_bits_to_whom_it_matches(
    acl: AclList, perm: Perm, identities: Identities, allowed: bool
) -> None:
    assert allows(acl, perm, identities) == allowed


def test_digests_are_hidden_behind_x() -> None:
    acl = ((1, b"digest", b"u:secret"), (2, b"ip", b"1.2.3.4"), (4, b"world", b"anyone"))
    assert masked(acl) == ((1, b"digest", b"u:x"), acl[1], acl[2])


addresses = st.integers(0, (1 << 32) - 1)


def dotted(address: int) -> bytes:
    return b".".join(b"%d" % (address >> shift & 255) for shift in (24, 16, 8, 0))


@given(addresses, addresses, st.integers(0, 32))
def test_network_matches_by_its_leading_bits(own: int, network: int, bits: int) -> None:
    acl = ((31, b"ip", b"%s/%d" % (dotted(network), bits)),)
    same = f"{own:032b}"[:bits] == f"{network:032b}"[:bits]
    assert allows(acl, Perm.READ, ((b"ip", dotted(own)),)) == same


@given(st.binary(max_size=20), st.sampled_from((b"ip", b"digest", b"world", b"auth")))
def test_any_bytes_as_an_id_are_accepted_or_refused(ident: bytes, scheme: bytes) -> None:
    entries = ((31, scheme, ident),)
    fixed = fix_acl(entries, IP, SCHEMES)
    assert fixed in (Code.INVALID_ACL, entries)
