"""Quotas: limits and usage kept as znodes below ``/zookeeper/quota``.

Source: ``DataTree.updateQuotaStat``, ``ZooKeeperServer.checkQuota``, ``StatsTrack``.
``/zookeeper/quota<path>/zookeeper_limits`` holds what a client set, and beside it
``zookeeper_stats`` holds what is used, which the server rewrites without touching the
znode's version. The longest path with limits is the one that counts.
"""

from __future__ import annotations

from typing import Final

QUOTA_ROOT: Final = b"/zookeeper/quota"
LIMITS: Final = b"zookeeper_limits"
STATS: Final = b"zookeeper_stats"


def parse(text: bytes | None) -> dict[str, int]:
    """The numbers of a limits or stats znode; what cannot be read is left out."""
    values: dict[str, int] = {}
    for pair in (text or b"").decode("utf-8", "replace").replace(";", ",").split(","):
        key, equals, value = pair.partition("=")
        # "bytes=-1=" is how a newer client keeps older servers from choking.
        value = value.rstrip("=")
        if not equals:
            continue
        try:
            values[key] = int(value) if value else -1
        except ValueError:
            continue
    return values


def render(values: dict[str, int]) -> bytes:
    """The text that Apache writes for ``values``."""
    text = f"count={values.get('count', -1)},bytes={values.get('bytes', -1)}"
    others = sorted(key for key in values if key not in ("count", "bytes"))
    if others:
        text += "=" + "".join(f";{key}={values[key]}" for key in others)
    return text.encode()


def covered_path(parent: bytes) -> bytes:
    """The path whose quota lies in ``parent``, itself below ``/zookeeper/quota``."""
    return parent[len(QUOTA_ROOT) :]


def limits_path(path: bytes) -> bytes:
    """Where the limits of ``path`` are."""
    return QUOTA_ROOT + path + b"/" + LIMITS


def stats_path(path: bytes) -> bytes:
    """Where the usage of ``path`` is."""
    return QUOTA_ROOT + path + b"/" + STATS


def governing(path: bytes, paths: dict[bytes, None]) -> bytes | None:
    """The longest of ``paths`` that is ``path`` or an ancestor of it; never the root."""
    while path:
        if path in paths:
            return path
        path = path[: path.rfind(b"/")]
    return None


def exceeds(limits: dict[str, int], used: dict[str, int], bytes_more: int, count_more: int) -> bool:
    """Whether growing by that much passes a *hard* limit."""
    count_limit = limits.get("countHardLimit", -1)
    if count_more and -1 < count_limit < used.get("count", -1) + count_more:
        return True
    byte_limit = limits.get("byteHardLimit", -1)
    return bool(bytes_more) and -1 < byte_limit < used.get("bytes", -1) + bytes_more
