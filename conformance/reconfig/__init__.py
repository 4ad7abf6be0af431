"""Lets an ensemble grow and shrink while clients write, and looks for writes that failed.

One server becomes three by kazoo's ``reconfig``, three become five by zkCli's
``reconfig -add``, and both go the whole way back; a server that was removed is ended. All
the while clients write (:mod:`~conformance.reconfig.load`), each to znodes of its own. A
write may be answered, or its connection be lost, which the client reports as such; any
other answer is a failure, and so is an answered write that is not there at the end.
"""
