"""A kit that drives real clients against any ZooKeeper or Mesos server and compares."""
