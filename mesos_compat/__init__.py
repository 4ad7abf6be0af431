"""A Mesos-compatible master and agent. So far this package only holds its name.

What is meant to be here: the v1 scheduler, executor and operator HTTP APIs of Apache Mesos,
with the master's registry and the election of its leader kept in ZooKeeper, in
:mod:`zkserver` or in Apache's. It will import the former only through a ZooKeeper client.
"""
