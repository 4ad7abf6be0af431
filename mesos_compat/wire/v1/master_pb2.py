"""The messages of ``master.proto``."""

from mesos_compat.wire.descriptors import fill

fill(globals(), "mesos_compat/wire/v1/master.proto")
