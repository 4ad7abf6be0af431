"""HTTP as libprocess speaks it: routes, answers, streams, and who is asking.

Thin: a handler turns a request into an event for a core, or into a view of its state, and what
comes back into an answer. What is Mesos's own about HTTP is here: routes are found by their
longest prefix, every route of the program is also below its process's name (``/master/state``,
``/slave(1)/state``), errors are plain text, and an event stream is a chunked answer with one
record in a chunk. The server itself is aiohttp's.
"""
