"""The files a configuration comes from: zoo.cfg, the dynamic file beside it, and myid.

The first two are properties files. What the membership lines in them mean is read by
``membership_files``.
"""

# pathlib would cost the start of the server several milliseconds.
# ruff: noqa: PTH118, PTH123

from __future__ import annotations

import os

from zkserver.config_keys import whole
from zkserver.properties import parse_properties

#: What Java's system properties carry in front of the documented name.
PREFIX = "zookeeper."


def read_settings(path: str, problems: list[str]) -> dict[str, str]:
    """The file's keys without the ``zookeeper.`` prefix; none and a problem if unreadable."""
    try:
        with open(path, "rb") as file:
            content = file.read()
        found = parse_properties(content)
    except OSError as error:
        problems.append(f"{path}: cannot be read: {error.strerror or error}")
        return {}
    except ValueError as error:
        problems.append(f"{path}: {error}")
        return {}
    return {key.removeprefix(PREFIX): value for key, value in found.items()}


def read_myid(data_dir: str, highest: int) -> int | None:
    """The number of this server from ``myid`` in its dataDir; None without such a file.

    Raises ``ValueError`` when the file cannot be read or holds no number up to ``highest``.
    """
    path = os.path.join(data_dir, "myid")
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.readline().strip()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror or error}") from None
    try:
        number = whole(0, highest)(text)
    except ValueError as error:
        raise ValueError(f"{path}: holds {text!r}: {error}") from None
    return number if isinstance(number, int) else None
