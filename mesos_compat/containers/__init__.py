"""Containers: the shell that turns an agent's decisions into processes of this host.

Owns everything of an agent that touches the operating system: sandboxes on the disk, the
fetching of URIs into them, processes with their users, limits, cgroups and namespaces, the
volumes they see, what they use, and the removal of what they leave behind. It decides nothing
about tasks: the agent's core says launch, signal, destroy, and is told what came of it.

One container is one *supervisor* (:mod:`~mesos_compat.containers.launch`), a small Python
process of its own which outlives the agent::

    agent --spawn, specification over a pipe--> supervisor --fork--> [namespace init] --> command
      ^                                             |
      +------- pidfd: the supervisor is gone -------+--> <runtime_dir>/containers/<id>/status

The supervisor stays outside of the container's cgroup and namespaces. It enters the command
into them, adopts whatever the command leaves behind (it is the subreaper of the tree), writes
down the command's raw wait status, kills what is left, and goes. So the agent waits in one way
only, for a process that may or may not be its child: "the supervisor is gone" means the
container is, and the file says how it ended, also when the agent was away at the time.

Invariants: a command starts only after its supervisor's record is on the disk; a container that
was reported as ended has no process left and no cgroup; nothing here follows a link that a task
may have planted in its sandbox with more rights than that task has.

Imports: :mod:`mesos_compat.wire` and the standard library (and aiohttp, for fetching). The
module :mod:`~mesos_compat.containers.spec` holds the records that the pure agent core builds,
and touches nothing.
"""
