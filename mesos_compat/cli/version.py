"""Which version the programs say they are."""

from __future__ import annotations

import getpass
import time
from pathlib import Path
from typing import Final

from mesos_compat.wire.json_dialect import JsonValue
from mesos_compat.wire.v1 import mesos_pb2

#: What tools take for Mesos's version, which they parse: the one whose API this is.
VERSION: Final = "1.11.0"


def version_info() -> mesos_pb2.VersionInfo:
    """The version, and when and by whom it was installed, which is when Python code is built."""
    built_s = Path(__file__).stat().st_mtime
    return mesos_pb2.VersionInfo(
        version=VERSION,
        build_date=time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(built_s)),
        build_time=float(int(built_s)),
        build_user=_owner(),
    )


def _owner() -> str:
    try:
        return Path(__file__).owner()
    except (KeyError, OSError):
        return getpass.getuser()


def version_value() -> JsonValue:
    """What ``/version`` says."""
    info = version_info()
    return {
        "build_date": info.build_date,
        "build_time": info.build_time,
        "build_user": info.build_user,
        "version": info.version,
    }
