"""What an agent shows of itself: answers that are read off its state and change nothing.

Functions of a :class:`~mesos_compat.agent.views.view.View`, which holds the state, what of it the
asker may see, and what only the shell can measure. :mod:`operator` has the reading calls of
``POST /api/v1``, :mod:`older` the endpoints from before it, in which agents are slaves, and
:mod:`metrics` the numbers of both.
"""
