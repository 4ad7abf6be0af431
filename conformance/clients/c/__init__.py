"""The programs of this kit that are compiled or run by another language's tools.

The C program itself (on Debian's ``libzookeeper-mt``) lies here, and with it what the
C, Node and Go clients share: :mod:`.programs` builds a program once per state of its
sources and runs it, :mod:`.link` is a loopback TCP proxy that a program can cut and
mend, so that it can watch what its library does about a lost connection.
"""
