"""Several masters, of which one leads: election, detection, and the registry, in ZooKeeper.

A master that wants to lead has an ephemeral sequence node ``json.info_NNNNNNNNNN`` below the
path of its ``zk://`` address, with its MasterInfo as JSON; the lowest number leads. That is what
Apache Mesos does, so its detectors find our masters and ours find its. The registry, which
outlives masters, is below ``registry`` at the same path; it is written under a version that a
new leader changes, so a master that does not know yet that it was deposed changes nothing.

ZooKeeper is spoken through kazoo, whose callbacks come on threads of its own; everything that
leaves this package happens on the event loop's thread.
"""
