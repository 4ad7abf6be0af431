"""The flags of ``mesos-master`` and ``mesos-agent``, under Apache's names.

A flag is given as ``--name=value``, ``--name`` or ``--no-name`` for truths, or by the variable
``MESOS_NAME``; the command line wins. A text may name a file that holds it: ``file:///path``;
where it is JSON or a secret, ``/path`` as well. ``/flags`` shows no secrets.
Each flag is obeyed, or is accepted without effect, which the start-up says, or is refused with
the reason. :mod:`.master` and :mod:`.agent` are the tables, :mod:`.loading` reads by them.
"""
