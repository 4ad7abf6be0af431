"""How a command fails: a line that says what, and one that says what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import click
from kazoo.exceptions import (
    AuthFailedError,
    BadVersionError,
    KazooException,
    NoAuthError,
    NodeExistsError,
    NoNodeError,
    NotEmptyError,
)
from kazoo.handlers.threading import KazooTimeoutError

from mesozoic.errors import BadAddress, CallLost, CallRefused, MesozoicError, Unreachable

_UNAUTHORIZED = (401, 403)


class Failure(click.ClickException):
    """What is told instead of a traceback; the exit code is 1."""

    def __init__(self, what: str, advice: str = "") -> None:
        super().__init__(what)
        self.advice = advice

    def show(self, file: IO[Any] | None = None) -> None:
        """Write both lines to standard error."""
        click.echo(f"mesozoic: {self.message}", err=True, file=file)
        if self.advice:
            click.echo(f"  {self.advice}", err=True, file=file)


@contextmanager
def told() -> Iterator[None]:
    """Raise :class:`Failure` for what masters, agents and ZooKeeper answer."""
    try:
        yield
    except MesozoicError as error:
        raise Failure(str(error), _advice(error)) from error
    except KazooTimeoutError as error:
        raise Failure(
            "no ZooKeeper server answers", "Is the address right (--zk, MESOZOIC_ZK)?"
        ) from error
    except KazooException as error:
        raise Failure(_znode_failure(error)) from error


def _advice(error: MesozoicError) -> str:
    if isinstance(error, BadAddress):
        return "Give --master as host:port, as a URL, or as zk://host:port,.../path."
    if isinstance(error, CallRefused) and error.status in _UNAUTHORIZED:
        return "Give --principal and --secret-file (MESOZOIC_PRINCIPAL, MESOZOIC_SECRET_FILE)."
    if isinstance(error, Unreachable):
        return "Is the address right (--master, MESOZOIC_MASTER), and does the cluster run?"
    if isinstance(error, CallLost):
        return "It may have been done, or not: look with 'mesozoic ps' before you try again."
    return ""


_ZNODE_FAILURES: tuple[tuple[type[KazooException], str], ...] = (
    (NoNodeError, "there is no such znode"),
    (NodeExistsError, "that znode is there already"),
    (NotEmptyError, "the znode has children; --recursive deletes them too"),
    (BadVersionError, "the znode has another version by now"),
    (NoAuthError, "the znode's ACL does not allow that; give --auth scheme:credential"),
    (AuthFailedError, "the server has refused --auth"),
)


def _znode_failure(error: KazooException) -> str:
    for kind, text in _ZNODE_FAILURES:
        if isinstance(error, kind):
            return text
    return f"ZooKeeper: {type(error).__name__} {error}".rstrip()
