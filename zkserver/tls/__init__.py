"""TLS by Apache's ``ssl.*`` keys: stores, contexts, and the names in certificates.

::

    ssl.keyStore.*, ssl.trustStore.* --stores--> PEM --contexts--> ssl.SSLContext
    a client's certificate --names--> x509 identity

Owns: what those keys mean. The sockets are the server's. Imported only where TLS is configured,
since the libraries below it cost a start tens of milliseconds.

Stores are PEM files, PKCS12 (``.p12``, ``.pfx``), or JKS; a type that no key says is told by the
ending of the name (``X509Util.StoreFileType``). Python's ``ssl`` reads certificates from files, so
what came from another format goes through a file that exists in memory only.

Source: ``X509Util``, ``SSLContextAndOptions``, ``X509AuthenticationProvider`` of Apache ZooKeeper,
and its administrator's guide.
"""
