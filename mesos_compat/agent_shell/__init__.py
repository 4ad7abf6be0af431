"""The agent's shell: everything between its pure core and the world.

::

    AgentCore.step --actions--> AgentDriver --+--> links         the master's stream
         ^                                    +--> conversations executors' streams, answers
         |                                    +--> containers    processes of this host
         +--------------- events -------------+--> checkpoints   files below <work_dir>/meta
                                              +--> sandboxes     /files, garbage, volumes

The driver owns the order: events are stepped one after the other, and the actions of each are
handed out in their order. What takes time is done beside, and comes back as an event. May
import everything of :mod:`mesos_compat` but the master.
"""
