"""What a client sees of a whole server."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, NamedTuple

from conformance.migration.session import Acl, Session
from conformance.rawclient import Stat

#: super:secret by both servers' DigestAuthenticationProvider, so that nothing hides.
SUPER: Final = b"super:secret"
SETTINGS: Final = {"DigestAuthenticationProvider.superDigest": "super:lK75jTNcA+U9vtVEw5vB51mj/w4="}


class Seen(NamedTuple):
    """One znode."""

    data: bytes | None
    stat: Stat
    acl: Acl


View = dict[str, Seen]


def view_of(port: int) -> View:
    """Every znode of the server on ``port``, by its path."""
    seen: View = {}
    with Session(port) as session:
        session.authenticate("digest", SUPER)
        waiting = ["/"]
        while waiting:
            path = waiting.pop()
            data, stat = session.get(path)
            seen[path] = Seen(data, stat, session.get_acl(path))
            waiting += [f"{path.rstrip('/')}/{name}" for name in session.children(path)]
    return seen


def differences(before: View, after: View) -> list[str]:
    """What is not the same, a line each."""
    told = [f"{path}: gone" for path in before.keys() - after.keys()]
    told += [f"{path}: new" for path in after.keys() - before.keys()]
    for path in before.keys() & after.keys():
        for field, one, other in zip(Seen._fields, before[path], after[path], strict=True):
            if one != other:
                told.append(f"{path}: {field}: {one!r:.200}, and then {other!r:.200}")
    return sorted(told)


def without(seen: View, paths: Collection[str]) -> View:
    """A view in which some znodes are left out."""
    return {path: one for path, one in seen.items() if path not in paths}
