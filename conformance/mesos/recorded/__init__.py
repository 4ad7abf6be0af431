"""What Apache Mesos 1.11.0 was asked and what it answered, asked again of our master and agent.

``tests/mesos_compat/golden`` holds requests, answers and events of a real master and a real
agent, a folder for each section of the recording. Here each section is played again on a
:class:`~mesos_compat.testing.Cluster` of its own, and whatever ours says is held against the
recording::

    recordings   the files: a request, an answer, the events of a case
    exchange     bare HTTP and event streams, so that every header is seen as it was sent
    names        ids, uuids, ports and directories: learnt where ours first says them, put
                 into later requests, and from then on as binding as any other word
    comparing    status, headers, bodies and events; what may differ by its nature
    stage        a cluster, its frameworks, and the verdicts of one section
    *_scenes     what is to be done in each section, in the recording's order
    differences  the cases where ours is known to differ, each with its reason

``python -m conformance.mesos.recorded`` prints a table and ends with 1 when something differs
that is not in :mod:`~conformance.mesos.recorded.differences`, when something listed there is
equal after all, or when a case of the recording was not played and nobody says why.
"""
