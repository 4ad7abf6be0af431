"""The messages of ``link.proto``."""

from mesos_compat.wire.descriptors import fill

fill(globals(), "mesos_compat/wire/link.proto")
