"""Calls and what comes of them, as bytes: what both pool and worker know of pickling.

Functions travel by cloudpickle: those of ``__main__``, lambdas and closures by what they are,
others by their names. What comes of a call is its pickled result, or an account of its exception
that can always be read, with the pickled exception in it if there is one.
"""

from __future__ import annotations

import functools
import pickle
import traceback
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import cloudpickle

from mesozoic.pool.errors import RemoteError, RemoteTraceback

#: So many functions of ``map`` are kept unpickled by a worker.
_FUNCTIONS_MAX: Final = 32

#: Both sides have proved who they are before anything comes to this.
_loads: Final = pickle.loads


class Outcome(NamedTuple):
    """What has come of a call."""

    has_failed: bool
    payload: bytes


class _Account(NamedTuple):
    """What is told of an exception; all of it but ``pickled`` is plain text."""

    type_name: str
    text: str
    trace: str
    pickled: bytes | None
    # Why there is none.
    fault: str


def call_bytes(fn: Callable[..., Any], *args: Any, **kwargs: Any) -> bytes:
    """A call, for :func:`run`; raises whatever pickling raises."""
    pickled: bytes = cloudpickle.dumps((fn, args, kwargs), pickle.HIGHEST_PROTOCOL)
    return pickled


def run(call: bytes) -> Outcome:
    """Make a call; whatever is raised, be it on the way in or out, is an outcome."""
    try:
        fn, args, kwargs = _loads(call)
    except Exception as error:  # noqa: BLE001 - imports of the caller's code
        error.add_note("raised while the function and its arguments were unpickled by the worker")
        return failure(error)
    try:
        result = fn(*args, **kwargs)
    except BaseException as error:  # noqa: BLE001 - the future holds it, SystemExit too
        return failure(error)
    try:
        return Outcome(False, cloudpickle.dumps(result, pickle.HIGHEST_PROTOCOL))
    except Exception as error:  # noqa: BLE001 - whatever the result's class raises
        text = f"the result, a {_name_of(type(result))}, cannot be pickled: {_said_by(error)}"
        told = pickle.PicklingError(text)
        told.__cause__ = error
        return failure(told)


def failure(error: BaseException) -> Outcome:
    """An account of an exception."""
    trace = error.__traceback__
    # The first frame is that of `run`.
    shown = trace.tb_next if trace is not None and trace.tb_next is not None else trace
    text = "".join(traceback.format_exception(type(error), error, shown))
    pickled, fault = None, ""
    try:
        pickled = cloudpickle.dumps(error, pickle.HIGHEST_PROTOCOL)
    except Exception as hindrance:  # noqa: BLE001 - whatever the exception's class raises
        fault = f"it cannot be pickled: {_said_by(hindrance)}"
    account = _Account(_name_of(type(error)), _text_of(error), text, pickled, fault)
    return Outcome(True, pickle.dumps(tuple(account), pickle.HIGHEST_PROTOCOL))


def error_of(payload: bytes) -> BaseException:
    """The exception of a failed call; the traceback of where it was raised is its cause."""
    account = _Account(*_loads(payload))
    error: BaseException | None = None
    fault = account.fault
    if account.pickled is not None:
        try:
            found = _loads(account.pickled)
            error = found if isinstance(found, BaseException) else None
            fault = "what it was pickled as is no exception"
        except Exception as hindrance:  # noqa: BLE001 - whatever its class raises
            fault = f"it cannot be rebuilt here: {_said_by(hindrance)}"
    if error is None:
        error = RemoteError(account.type_name, f"{account.type_name}: {account.text} ({fault})")
    error.__cause__ = RemoteTraceback(account.trace)
    return error


def result_of(payload: bytes) -> Any:
    """The result of a call; raises ``UnpicklingError`` with the reason."""
    try:
        return _loads(payload)
    except Exception as error:
        raise pickle.UnpicklingError(
            f"the result cannot be unpickled here: {_said_by(error)}"
        ) from error


def _said_by(error: BaseException) -> str:
    return f"{type(error).__name__}: {_text_of(error)}"


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - an exception whose __str__ is broken
        return "(its text cannot be made)"


def _name_of(cls: type) -> str:
    if cls.__module__ in ("builtins", "__main__"):
        return cls.__qualname__
    return f"{cls.__module__}.{cls.__qualname__}"


class Shared:
    """A function that is pickled once for many calls, and unpickled once by each worker."""

    __slots__ = ("_fn", "_pickled")

    def __init__(self, fn: Callable[..., Any]) -> None:
        """Raises whatever pickling raises."""
        self._fn = fn
        self._pickled: bytes = cloudpickle.dumps(fn, pickle.HIGHEST_PROTOCOL)

    def __call__(self, *args: Any) -> Any:
        """As the function."""
        return self._fn(*args)

    def __reduce__(self) -> tuple[Callable[[bytes], Any], tuple[bytes]]:
        return _load_function, (self._pickled,)


@functools.lru_cache(maxsize=_FUNCTIONS_MAX)
def _load_function(pickled: bytes) -> Any:
    return _loads(pickled)


def run_chunk(fn: Callable[..., Any], chunk: Sequence[tuple[Any, ...]]) -> list[Any]:
    """What ``fn`` gives for each of some tuples of arguments."""
    return [fn(*args) for args in chunk]
