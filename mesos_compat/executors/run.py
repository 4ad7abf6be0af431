"""Starts an executor program: ``run.py command|default ROOT...``; see :mod:`.programs`.

A script, not a module: it makes the modules' packages known. The ROOTs are what holds them.
"""

import sys


def main() -> None:
    """Become the program."""
    program = sys.argv[1]
    for root in sys.argv[2:]:
        if root not in sys.path:
            sys.path.append(root)
    if program == "command":
        from mesos_compat.executors import command

        command.main()
    elif program == "default":
        from mesos_compat.executors import default

        default.main()
    else:
        sys.exit(f"there is no executor '{program}'")


if __name__ == "__main__":
    main()
