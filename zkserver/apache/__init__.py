"""Apache ZooKeeper's data directories: read, checked, taken over, and written again.

::

    <dataDir>/version-2/     snapshot.<zxid>[.gz|.snappy]  acceptedEpoch  currentEpoch
    <dataLogDir>/version-2/  log.<zxid of its first transaction>

    version-2 --loading--> ApacheTree --conversion--> State --> mesozoic-1/snapshot-<zxid>
    mesozoic-1 --recovery--> State --conversion--> version-2/snapshot.<zxid>

Owns: the formats of 3.4 to 3.9, the replay of Apache's transactions, and the two ways
between its state and ours. May import the cores, ``zkserver.storage`` and nothing of the
server; only a server that finds a ``version-2`` imports it.

* **Nothing is written into what is imported.** What Apache repairs there (an empty last
  log, a torn tail) is left as it is and only passed over.
* **A snapshot is fuzzy.** Apache writes it while the tree changes, so transactions from its
  zxid on may be in it already. The replay therefore bears what is there and what is not
  (``DataTree.processTxn``), and lifts a parent's cversion where that alone is missing.
* **A hole is refused.** Apache takes whatever cannot be an entry for the end of a file. So
  do we, unless entries behind it or the next file's first zxid show that something was
  there: zxids are given out without gaps within an epoch.
* **What is imported has one name.** The state is hashed, and the hash is the cluster id. Of
  the members of an ensemble each imports its own; those whose states differ refuse each
  other's links. If a majority has one state, then it holds every write that Apache has
  acknowledged, since each of those was logged by a majority, which has a member in common.
* **zxids go on in a new epoch**, above every epoch that the directory tells of.
* **Sessions live on.** Apache computes a session's password from its id. We store passwords,
  so an imported session gets the computed one, and its client comes back with it. The way
  back works for the same reason for those sessions, and for sessions of ours only if they
  were given computed passwords (``apacheSessionPasswords``).

Source of all formats: ``FileTxnLog``, ``FileSnap``, ``SnapStream``, ``SerializeUtils``,
``DataTree`` and ``ReferenceCountedACLCache`` of Apache ZooKeeper 3.4.14 to 3.9.3.
"""
