"""The messages of ``scheduler.proto``."""

from mesos_compat.wire.descriptors import fill

fill(globals(), "mesos_compat/wire/v1/scheduler.proto")
