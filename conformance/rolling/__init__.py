"""What an operator does to a running ensemble: certificates renewed, servers restarted in turn.

Writers go on all the while, in plain text and under TLS. Nothing that was answered may be
missing afterwards, and no write may fail but by a lost connection, which kazoo reports for what
was on its way to the server that ended.

    python -m conformance.rolling [--rounds N] [--writers N]
"""
