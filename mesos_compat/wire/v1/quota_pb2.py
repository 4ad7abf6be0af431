"""The messages of ``quota.proto``."""

from mesos_compat.wire.descriptors import fill

fill(globals(), "mesos_compat/wire/v1/quota.proto")
