"""Frameworks that nobody here wrote, doing real work on our master and agents.

A :class:`~conformance.mesos.cluster.Cluster` is real processes: ``zkserver``, masters that find
each other through it, and agents that run tasks. Each client is a module with ``CLIENT``, and
``python -m conformance.mesos.<name>`` does its job on a cluster of its own, prints what
happened and ends with 0 or 1::

    client module --- makes ---> an environment (virtualenv or Go binary, under build/)
         |                                |
         +--- starts ---> Cluster         +--- holds the library from its registry
         |                  ^
         +--- runs ---> a program in programs/, which does the work through the library
         |
         +--- checks ---> what the program printed, what the masters and agents say

The programs in ``programs`` are ours and small; the libraries beneath them are as published.
They run under the Python that a library needs, with nothing of this project on their path.
"""
