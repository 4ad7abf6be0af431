"""``python -m zkserver`` is the ``zkserver`` command."""

from zkserver.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
