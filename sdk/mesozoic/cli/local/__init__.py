"""The processes of ``mesozoic up``.

:mod:`.layout` decides what runs where and writes the files it starts from, :mod:`.members` starts
and asks the processes, :mod:`.cluster` puts both together. They are ended by one that does nothing
else, :mod:`.reaper`: it holds the end of a pipe, and when the other end is gone, for whatever
reason, so is the cluster. :mod:`.records` is how other commands find what runs.
"""
