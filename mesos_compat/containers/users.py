"""Whom the commands of a container run as (--switch_user)."""

from __future__ import annotations

import os
import pwd
from typing import NamedTuple

from mesos_compat.containers.spec import LaunchError


class Identity(NamedTuple):
    """A user of this host, with all that a process needs to become that user."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]


def identity_of(user: str | None, switch_user: bool) -> Identity | None:
    """Whom to become for a framework's ``user``; None is to stay the agent's user.

    Only root can become somebody else, so an agent that is not root runs everything as itself.
    One that is root never runs a command as root because a name means nothing here: a user
    that is not known, the empty one too, is refused. Raises LaunchError.
    """
    if not switch_user or user is None or os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(user)
    except (KeyError, ValueError) as error:
        raise LaunchError(f"Failed to get user information for '{user}': No such user") from error
    groups = tuple(os.getgrouplist(entry.pw_name, entry.pw_gid))
    return Identity(entry.pw_name, entry.pw_uid, entry.pw_gid, groups)
