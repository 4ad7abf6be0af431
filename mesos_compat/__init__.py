"""A Mesos-compatible master and agent."""
