"""``python -m mesozoic`` is the command ``mesozoic``."""

from mesozoic.cli import main

if __name__ == "__main__":
    main(prog_name="mesozoic")
