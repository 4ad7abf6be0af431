"""What the SDK raises. All of it is a :class:`MesozoicError`."""

from __future__ import annotations


class MesozoicError(Exception):
    """The SDK could not do what it was asked for."""


class CallRefused(MesozoicError):  # noqa: N818 - names the answer
    """A master or an agent has answered a call with an error.

    ``status`` is that of the HTTP response, ``text`` its body, which is a sentence.
    """

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status} {text}".strip())
        self.status = status
        self.text = text


class NotSubscribed(MesozoicError):  # noqa: N818 - names the state
    """The call needs a subscription, and there is none now; it was not sent."""


class CallLost(MesozoicError):  # noqa: N818 - names the state
    """The connection broke within a call: it may have been obeyed, or not.

    The driver subscribes anew, and reconciles; a task that was launched by such a call is told
    of by an update.
    """


class Unreachable(MesozoicError):  # noqa: N818 - names the state
    """Nobody was found who takes the call; it was not sent."""


class SubscriptionRefused(MesozoicError):  # noqa: N818 - names the answer
    """The master has said ERROR, which is final: this driver is over. The text is the master's."""


class BadAddress(MesozoicError, ValueError):  # noqa: N818 - names the mistake
    """What was given is no address of a master or an agent."""


class BadEnvironment(MesozoicError):  # noqa: N818 - names the mistake
    """The environment of this process does not say what an agent tells an executor."""
