"""What an administrator can ask a running server.

The four letter words of ZooKeeper are text protocols older than most tools
that read them, so their answers follow Apache 3.8 to the byte; the commands of the
AdminServer follow 3.9. The package is split by who knows what::

    server (shell) --fills--> status_view.StatusView --read by--> fourletter.answer -> text
                                    ^                             commands.answer -> fields
    environment (asks the process)--+        figures (from mntr_keys) -> mntr, monitor, prometheus

``fourletter``, ``commands``, ``figures`` and ``status_view`` are pure: they read a view and
return what is to be sent, and a question that changes something returns an effect for the
server to carry out. Parts of a view that cost something to gather are callables, so
``ruok`` costs nothing. Only ``environment`` asks the operating system. ``http_api`` and
``prometheus`` alone need libraries, and are imported when somebody asks over HTTP.
Imported from here: ``zkserver.config`` and the standard library.
"""
