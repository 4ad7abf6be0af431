"""What an administrator can ask a running server.

The four letter words of ZooKeeper are text protocols older than most tools
that read them, so their answers follow Apache 3.8 to the byte. The package is
split by who knows what::

    server (shell) --fills--> status_view.StatusView --read by--> fourletter.answer
                                    ^                                  |
    environment (asks the process)--+             mntr_keys (names) ---+--> Answer(text, effect)

``fourletter``, ``mntr_keys`` and ``status_view`` are pure: they read a view and
return bytes, and a word that changes something returns an effect for the server
to carry out. Parts of a view that cost something to gather are callables, so
``ruok`` costs nothing. Only ``environment`` asks the operating system.
Imported from here: ``zkserver.config`` and the standard library.
"""
