"""Access control lists: which lists are valid, and whom they let do what.

Source: ``PrepRequestProcessor.fixupACL`` and ``ZooKeeperServer.checkACL``. An entry is
``(perms, scheme, id)``, an identity ``(scheme, id)``, all strings as bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from zkserver.wire.opcodes import Code, Perm

AclEntry = tuple[int, bytes, bytes]
AclList = tuple[AclEntry, ...]
#: A list as a client sent it, in which strings may be null.
GivenAcl = tuple[tuple[int, bytes | None, bytes | None], ...]
Identity = tuple[bytes, bytes]
Identities = tuple[Identity, ...]

#: ``ZooDefs.Ids.OPEN_ACL_UNSAFE``: what most znodes have, and what is not stored.
OPEN: Final[AclList] = ((int(Perm.ALL), b"world", b"anyone"),)
#: ``ZooDefs.Ids.READ_ACL_UNSAFE``.
READABLE: Final[AclList] = ((int(Perm.READ), b"world", b"anyone"),)

SUPER: Final = b"super"
#: Between the parts of a distinguished name.
_UNESCAPED_COMMA: Final = re.compile(rb"(?<!\\\\)[,+]")
#: Schemes whose identities an ``auth`` entry stands for (``isAuthenticated``).
_AUTHENTICATED: Final = frozenset((b"digest", b"sasl", b"x509"))


def fix_acl(entries: GivenAcl, identities: Identities, schemes: frozenset[bytes]) -> AclList | int:
    """The list as it is stored, or the error code when it is invalid.

    Exact duplicates go, ``auth`` becomes one entry per authenticated identity, and
    every other entry needs a scheme among ``schemes`` and an id that is valid in it.
    """
    if entries == OPEN:
        return OPEN
    fixed: list[AclEntry] = []
    for perms, scheme, ident in dict.fromkeys(entries):
        if scheme == b"auth":
            own = [i for i in identities if i[0] in _AUTHENTICATED]
            if not own:
                return Code.INVALID_ACL
            fixed.extend((perms, *identity) for identity in own)
        elif scheme is None or (scheme not in schemes and scheme != b"world"):
            return Code.INVALID_ACL
        elif ident is None:
            # Apache trips over a null id where the id matters.
            return Code.MARSHALLING_ERROR
        elif ident == b"anyone" if scheme == b"world" else _is_valid_id(scheme, ident):
            fixed.append((perms, scheme, ident))
        else:
            return Code.INVALID_ACL
    return tuple(fixed) or Code.INVALID_ACL


def allows(acl: AclList, perm: int, identities: Iterable[Identity]) -> bool:
    """Whether one entry of ``acl`` grants ``perm`` to one of ``identities``."""
    if not acl:
        return True
    identities = tuple(identities)
    if any(scheme == SUPER for scheme, _ in identities):
        return True
    for perms, scheme, ident in acl:
        if not perms & perm:
            continue
        if scheme == b"world" and ident == b"anyone":
            return True
        for own_scheme, own_id in identities:
            if own_scheme == scheme and _matches(scheme, own_id, ident):
                return True
    return False


def masked(acl: AclList) -> AclList:
    """``acl`` as those see it who may not administer: digests hidden behind ``x``."""
    return tuple(
        (perms, scheme, ident.partition(b":")[0] + b":x" if scheme == b"digest" else ident)
        for perms, scheme, ident in acl
    )


def _is_valid_id(scheme: bytes, ident: bytes) -> bool:
    if scheme == b"digest":
        # Java's split(":") drops empty parts at the end, and two have to be left.
        parts = ident.split(b":")
        while parts and not parts[-1]:
            parts.pop()
        return len(parts) == 2
    if scheme == b"ip":
        return _network(ident) is not None
    if scheme == b"x509":
        return all(b"=" in part.lstrip(b" =") for part in _UNESCAPED_COMMA.split(ident))
    return True


def _matches(scheme: bytes, own_id: bytes, entry_id: bytes) -> bool:
    if scheme != b"ip":
        # SASLAuthenticationProvider.matches: who is called super is whoever is asked for.
        return own_id == entry_id or (scheme == b"sasl" and own_id == SUPER)
    network, own = _network(entry_id), _address(own_id)
    if network is None or own is None:
        return False
    address, bits = network
    return (address ^ own) >> (32 - bits) == 0


def _network(ident: bytes) -> tuple[int, int] | None:
    """``a.b.c.d[/bits]`` as (address, bits); ``None`` when it is neither."""
    address_text, slash, bits_text = ident.partition(b"/")
    address = _address(address_text)
    bits = _number(bits_text, 32) if slash else 32
    return None if address is None or bits is None else (address, bits)


def _address(text: bytes) -> int | None:
    parts = [_number(part, 255) for part in text.split(b".")]
    if len(parts) != 4:
        return None
    address = 0
    for part in parts:
        if part is None:
            return None
        address = address << 8 | part
    return address


def _number(text: bytes, highest: int) -> int | None:
    # Java's Integer.parseInt takes a plus sign.
    text = text.removeprefix(b"+")
    if not text.isdigit() or len(text) > 9:
        return None
    value = int(text)
    return value if value <= highest else None
