"""The programs: ``mesos-master``, ``mesos-agent`` and ``mesos-execute``.

Each reads its flags (:mod:`mesos_compat.flags`), puts the parts together, runs until it is told
to end, and gives back what it holds. Anything wrong with the flags ends it at once, with one
line that names the flag.
"""
