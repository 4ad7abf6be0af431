"""Role names: which are valid, and how they nest.

A role is a path of components separated by ``/``; ``*`` alone is everybody's. Source:
``mesos::roles``.
"""

from __future__ import annotations

from typing import Final

ANY_ROLE: Final = "*"

# Tab, line feed, vertical tab, form feed, carriage return, space, and DEL.
_FORBIDDEN_CHARACTERS: Final = "\t\n\v\f\r \x7f"


def validate(role: str) -> str | None:
    """Why ``role`` is no role name, in Mesos's words, or None."""
    if role == ANY_ROLE:
        return None
    if role.startswith("/"):
        return f"Role '{role}' cannot start with a slash"
    if role.endswith("/"):
        return f"Role '{role}' cannot end with a slash"
    if "//" in role:
        return f"Role '{role}' cannot contain two adjacent slashes"
    if not role:
        return "Role names cannot be the empty string"
    for component in role.split("/"):
        if component in (".", "..", ANY_ROLE):
            return f"Role '{role}' cannot include '{component}' as a component"
        if component.startswith("-"):
            return f"Role component '{component}' is invalid because it starts with a dash"
        if any(character in _FORBIDDEN_CHARACTERS for character in component):
            return (
                f"Role component '{component}' is invalid"
                " because it contains backspace or whitespace"
            )
    return None


def is_subrole(role: str, ancestor: str) -> bool:
    """Whether ``role`` lies strictly below ``ancestor``."""
    return role.startswith(ancestor) and role[len(ancestor) : len(ancestor) + 1] == "/"


def is_in_subtree(role: str, top: str) -> bool:
    """Whether ``role`` is ``top`` or lies below it."""
    return role == top or is_subrole(role, top)


def ancestors(role: str) -> list[str]:
    """The roles above ``role``, the nearest first; a top-level role has none."""
    above: list[str] = []
    while (slash := role.rfind("/")) >= 0:
        role = role[:slash]
        above.append(role)
    return above
