"""From Apache's data directories to ours and back, with Apache's real servers of six versions.

One journey: an Apache server takes a scripted load (:mod:`.load`) and is killed; a client's view
of everything it holds was taken before (:mod:`.view`). Our server starts on the same directory:
the view must be the same. It takes more load, and is exported; Apache's server starts on that,
and shows the same again (:mod:`.journey`). :mod:`.live` does it under a kazoo client that is not
told. ``python -m conformance.migration`` makes the journey from each version and prints a table.

Must be equal: every path, its data with the difference between none and empty, every field of
Stat, every ACL; and the sessions that were alive, which are resumed by their ids and passwords.
"""
