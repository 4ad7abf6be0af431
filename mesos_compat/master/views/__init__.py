"""What the master shows to who only reads: functions of the state, which change nothing.

Owns the answers to the read calls of the operator API, the older endpoints, and the metrics.
Everything that an answer depends on is in one :class:`~mesos_compat.master.views.view.View`,
made by the shell for each request: the state, who asks and what they may see, the flags, the
version, what only the shell can measure, and the time. May import the rest of
:mod:`mesos_compat.master` but its core, and is imported by no part of it.

::

                       +--> operator.ANSWERS[call.type](view, call) --> Response | Refusal
    request --> View --+--> older.ENDPOINTS[path](view, query) ------> JsonValue | Refusal
                       +--> metrics.snapshot(view) --> prometheus.text

What the asker may not see is left out and not refused, as if it were not there; only flags,
which are one thing, are refused as a whole. The objects that the event stream has too
(frameworks, agents) are made by :mod:`mesos_compat.master.shown`.
"""
