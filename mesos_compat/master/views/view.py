"""All that an answer may depend on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mesos_compat.allocator.interface import Allocator
from mesos_compat.master.events import Now
from mesos_compat.master.metrics import Metrics
from mesos_compat.master.registrar import Registrar
from mesos_compat.master.settings import MasterSettings
from mesos_compat.master.state import MasterState
from mesos_compat.master.views.visible import Visible
from mesos_compat.wire.v1 import mesos_pb2

if TYPE_CHECKING:
    from mesos_compat.master.views.older_texts import Printing


@dataclass(frozen=True, slots=True)
class View:
    """The master as one asker sees it, at one time; made for one answer and not kept."""

    state: MasterState
    settings: MasterSettings
    # Whom the asker is, and what of the rest may be shown.
    visible: Visible
    # Its metrics, and the answers to inverse offers, are shown.
    allocator: Allocator
    registrar: Registrar
    counters: Metrics
    # The master's flags as texts by their names, as they were given or by default.
    flags: Mapping[str, str]
    # ``version`` is plain dotted integers: tools read it as such.
    version: mesos_pb2.VersionInfo
    now: Now
    # What only the shell knows, by full name: ``system/...``, how long stores and runs took.
    measured: Mapping[str, float] = field(default_factory=dict)
    # What prints lists of tasks for the older endpoints, if the shell wants placeholders for them.
    printing: Printing | None = None
