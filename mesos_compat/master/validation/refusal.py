"""Answers that say no: the HTTP status and the text that goes with it."""

from __future__ import annotations

from http import HTTPStatus
from typing import NamedTuple


class Refusal(NamedTuple):
    """What an operator is answered instead of 200 or 202."""

    status: HTTPStatus
    message: str


def bad_request(message: str) -> Refusal:
    """400: the call itself is at fault."""
    return Refusal(HTTPStatus.BAD_REQUEST, message)


def conflict(message: str) -> Refusal:
    """409: the call and the state of things do not go together."""
    return Refusal(HTTPStatus.CONFLICT, message)
