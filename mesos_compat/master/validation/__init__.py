"""Whether what clients and agents send may be acted upon, and if not, why, in Mesos's words.

Pure functions over messages and a few facts of the master's state, which they are given and do
not change. Most return the text of the first fault, or None; where the answer's HTTP status
depends on the fault they return a :class:`~mesos_compat.master.validation.refusal.Refusal`.
Checks run in the order in which Mesos runs them, since clients see only the first fault.

::

    bytes -> message (wire) -> *_call: is the call whole?      -> 400, prefix is the caller's
                               framework, offer, task, ...     -> ERROR event, TASK_ERROR, ...
                               operation, quota, maintenance   -> OPERATION_ERROR, 400, 409

What is here knows messages and :mod:`mesos_compat.resources`, and nothing of connections.
Resources are in the newer format of reservations, except where a call itself is looked at.
Texts are those that Mesos 1.11 was seen to send, and its source's where none was recorded.
"""
