"""What the futures of a pool may hold beside what functions raise."""

from __future__ import annotations

from concurrent.futures import BrokenExecutor

from mesozoic.errors import MesozoicError


class WorkerLost(MesozoicError):  # noqa: N818 - names what happened
    """The workers that ran a call were lost, as often as the pool allows.

    Perhaps the function ends its process, or takes more memory than a worker has. The text has
    what Mesos says of the last task, and where its sandbox is.
    """


class BrokenMesosPool(MesozoicError, BrokenExecutor):  # noqa: N818 - as BrokenProcessPool
    """The pool can run nothing: its workers cannot start, or the master has ended it."""


class RemoteError(MesozoicError):
    """Stands for an exception that could not be pickled, or not be rebuilt here.

    ``type_name`` is that of its class. The traceback is in ``__cause__``.
    """

    def __init__(self, type_name: str, text: str) -> None:
        super().__init__(text)
        self.type_name = type_name


class RemoteTraceback(Exception):  # noqa: N818 - as in concurrent.futures
    """The traceback of an exception where it was raised, as the cause of what is raised here."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f'\n"""\n{self.text}"""'
