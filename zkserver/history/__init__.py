"""What the tree was, and who made it so: time travel within the kept snapshots and log.

The log holds requests, and executing them is deterministic. So the tree as of any zxid that
the log still reaches is the oldest usable snapshot and the entries behind it, executed by the
same core that the server runs; and what an entry changed is seen by looking at the znodes that it
touched. Nothing is written and nothing is locked: a server may run on the directory meanwhile.

    kept.py       reads the directory: the oldest snapshot that the log reaches, and the records
    past.py       executes entry by entry, and says what each one changed
    points.py     a point in time: a zxid, or a date
    answers.py    the four questions: show, tree, diff, changes
    commands.py   ``zkserver history``

In an ensemble the last entries of a member's log may be accepted and not decided yet.
"""
