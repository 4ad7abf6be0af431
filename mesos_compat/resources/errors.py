"""The error of resources that cannot be parsed, converted or shown in the older format."""

from __future__ import annotations


class ResourceError(ValueError):
    """What was asked of these resources cannot be; the message says why, in Mesos's words."""
