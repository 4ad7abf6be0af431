"""What the framework layer raises beside the errors of its driver."""

from __future__ import annotations

from mesozoic.errors import MesozoicError


class DeclarationError(MesozoicError, ValueError):
    """What was declared cannot be run; the text says why."""


class NotLeading(MesozoicError):  # noqa: N818 - names the state
    """Another process is the framework's scheduler now, or none is yet; nothing was changed."""


class UnknownName(MesozoicError, KeyError):  # noqa: N818 - names the mistake
    """Nothing of this name is declared."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class TaskFailed(MesozoicError):  # noqa: N818 - names what happened
    """A task has ended without success, and is not started again; the text says how.

    When a Python callable has raised, its exception is the ``__cause__``.
    """


class StoreFailed(MesozoicError):  # noqa: N818 - names what happened
    """What must be kept could not be; nothing that depends on it was done."""


class Deposed(MesozoicError):  # noqa: N818 - names what happened
    """Another process leads, or this one's session is over: nothing more can be written."""
