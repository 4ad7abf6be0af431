"""The programs of this kit that run on a Java virtual machine, and what builds them.

``plain`` holds a program on Apache's own client library (Debian's ``zookeeper.jar``),
``curator`` one on Apache Curator's recipes, whose jars Maven fetches. Both print a
transcript and nothing else on standard output. :mod:`.toolchain` compiles them once
per state of their sources, below the checkout's git-ignored ``build`` directory, and
runs them.
"""
