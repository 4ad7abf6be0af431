"""The process in which a pickled call is made: ``python -m mesozoic.framework.calling ANSWER``.

The call comes by standard input; what it returns or raises is written to the file ANSWER. The
status is 0 when it has returned, else 1. What it prints is in the sandbox.
"""

from __future__ import annotations

import pickle
import sys
import traceback
from pathlib import Path
from typing import Final

import cloudpickle

#: An answer travels in a status, and is kept in a record.
ANSWER_BYTES_MAX: Final = 256 * 1024


def pickled_value(value: object) -> bytes:
    """An answer. Raises ``ValueError`` when it is too large, and what pickling raises."""
    data: bytes = cloudpickle.dumps((True, value))
    if len(data) > ANSWER_BYTES_MAX:
        raise ValueError(
            f"the value has {len(data)} bytes pickled, which is more than {ANSWER_BYTES_MAX}:"
            " write it to where others can read it, and return its place"
        )
    return data


def pickled_error(error: BaseException) -> bytes:
    """An answer; an exception that cannot be pickled is replaced by its text."""
    error.add_note("".join(traceback.format_exception(error)).rstrip())
    try:
        data: bytes = cloudpickle.dumps((False, error))
        pickle.loads(data)  # noqa: S301 - it was made just now
    except Exception:  # noqa: BLE001 - an exception may be anything
        data = b""
    if not data or len(data) > ANSWER_BYTES_MAX:
        replaced = RuntimeError(f"{type(error).__name__}: {error}"[:1000])
        data = cloudpickle.dumps((False, replaced))
    return data


def answer_of(data: bytes) -> object:
    """The value of an answer. Raises what the call has raised."""
    # The author's own task has made it, on an agent that runs the author's code.
    is_value, value = pickle.loads(data)  # noqa: S301
    if not is_value:
        raise value
    return value


def main() -> int:
    """Make the call."""
    try:
        # The scheduler has sent it, to be run: nothing is lost by reading it.
        function, args, kwargs = pickle.load(sys.stdin.buffer)  # noqa: S301
        data, status = pickled_value(function(*args, **kwargs)), 0
    except BaseException as error:  # noqa: BLE001 - SystemExit too is an answer
        traceback.print_exc()
        data, status = pickled_error(error), 1
    Path(sys.argv[1]).write_bytes(data)
    return status


if __name__ == "__main__":
    sys.exit(main())
