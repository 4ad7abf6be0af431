"""What a scheduler's core wants done, in order. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from mesos_compat.wire.v1 import scheduler_pb2
from mesozoic.core.notices import Notice
from mesozoic.errors import MesozoicError


@dataclass(frozen=True, slots=True)
class Connect:
    """Open a stream at ``master`` with ``call``. Then comes StreamOpened, or StreamLost."""

    stream: int
    master: str
    call: scheduler_pb2.Call


@dataclass(frozen=True, slots=True)
class Disconnect:
    """Close a stream. Calls of it that are not answered by now never are."""

    stream: int


@dataclass(frozen=True, slots=True)
class Send:
    """Make a call, behind those before. CallAnswered or CallBroken follows."""

    stream: int
    token: int | None
    call: scheduler_pb2.Call


@dataclass(frozen=True, slots=True)
class Settle:
    """Tell the author what has become of a call: nothing bad, or an error to raise."""

    token: int
    error: MesozoicError | None = None


@dataclass(frozen=True, slots=True)
class MasterFailed:
    """``master`` does not answer; perhaps there is another one."""

    master: str


@dataclass(frozen=True, slots=True)
class SaveFrameworkId:
    """Make an id durable, and then say FrameworkIdSaved: until then nothing is done with it."""

    framework_id: str


@dataclass(frozen=True, slots=True)
class ForgetFrameworkId:
    """The framework is over: its id must not be used again."""


@dataclass(frozen=True, slots=True)
class Tell:
    """Tell the author, behind what was told before, and then say Told."""

    notice: Notice


@dataclass(frozen=True, slots=True)
class Fail:
    """The driver is over once all that was told is heard; ``status`` if HTTP has refused it."""

    text: str
    status: int | None = None


@dataclass(frozen=True, slots=True)
class End:
    """The driver is over, as the author wanted, once all that was told is heard."""


@dataclass(frozen=True, slots=True)
class Note:
    """For the log."""

    text: str


Action = (
    Connect
    | Disconnect
    | Send
    | Settle
    | MasterFailed
    | SaveFrameworkId
    | ForgetFrameworkId
    | Tell
    | Fail
    | End
    | Note
)
