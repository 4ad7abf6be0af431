"""The messages of ``maintenance.proto``."""

from mesos_compat.wire.descriptors import fill

fill(globals(), "mesos_compat/wire/v1/maintenance.proto")
