"""The ``zkserver`` command: ``start`` here, everything else in ``cli_commands``.

``start`` is what a service manager waits for, so its few options are read by
hand: importing click takes longer than the server needs to answer its first
request. The other commands are for people and use click and rich.

Exit codes: 0 for success, 1 when something failed or is not serving, 2 for a
mistake on the command line or in the configuration.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from zkserver import log_output
from zkserver.config import ConfigError, Loaded, load_config
from zkserver.errors import StartError

START_HELP = """\
Usage: zkserver start [OPTIONS] [ZOO_CFG]

  Serve ZooKeeper clients until SIGTERM or SIGINT.

  ZOO_CFG is a configuration file as Apache ZooKeeper reads it; without one,
  --data-dir says where the data live. Options win over the file.

Options:
  --data-dir DIRECTORY   Where the data live (dataDir).
  --port PORT            Port for clients (clientPort, 2181); 0 takes a free one.
  --host HOST            Address to listen on (clientPortAddress, all of them).
  --set KEY=VALUE        Any setting of zoo.cfg or system property; repeatable.
  --tls auto             Take TLS on secureClientPort (2281) with certificates made for it.
  --log-level LEVEL      quiet (warnings and errors, the default), info or debug.
  --log-format FORMAT    text (default) or json.
  --help                 Show this text and exit.
"""

# Options with the setting they stand for.
_SETTING_OF_OPTION = {
    "--data-dir": "dataDir",
    "--port": "clientPort",
    "--host": "clientPortAddress",
}
_OPTIONS = (*_SETTING_OF_OPTION, "--set", "--tls", "--log-level", "--log-format")
_SECURE_PORT = "2281"


class UsageError(Exception):
    """The command line cannot be understood; the text says what is wrong with it."""


@dataclass(slots=True)
class StartOptions:
    """What the words behind ``zkserver start`` say."""

    config_path: str | None = None
    # Settings by their zoo.cfg key.
    settings: dict[str, str] = field(default_factory=dict)
    log_level: str = "quiet"
    log_format: str = "text"
    makes_certificates: bool = False
    wants_help: bool = False


def parse_start(words: Sequence[str]) -> StartOptions:
    """Read the words behind ``start``; raises ``UsageError``."""
    options = StartOptions()
    flags: dict[str, str] = {}
    paths: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word in ("--help", "-h"):
            options.wants_help = True
        elif word == "--":
            paths += rest
            break
        elif not word.startswith("-") or word == "-":
            paths.append(word)
        else:
            _take_option(word, rest, options, flags)
    if len(paths) > 1:
        raise UsageError(f"one configuration file at most, but there are {', '.join(paths)}")
    options.config_path = paths[0] if paths else None
    # An option of its own is the more deliberate one, wherever it stands.
    options.settings.update(flags)
    return options


def _take_option(word: str, rest: list[str], options: StartOptions, flags: dict[str, str]) -> None:
    """Store one option, its value being in the same word (``--port=1``) or the next."""
    name, given, value = word.partition("=")
    if name not in _OPTIONS:
        raise UsageError(f"there is no option {name}; see zkserver start --help")
    if not given:
        if not rest:
            raise UsageError(f"{name} needs a value")
        value = rest.pop(0)
    if name in _SETTING_OF_OPTION:
        flags[_SETTING_OF_OPTION[name]] = value
    elif name == "--set":
        key, separator, setting = value.partition("=")
        if not separator or not key.strip():
            raise UsageError(f"--set {value}: must be KEY=VALUE, such as --set tickTime=2000")
        options.settings[key.strip()] = setting.strip()
    elif name == "--tls":
        if value != "auto":
            raise UsageError(
                f"--tls {value}: must be auto; your own certificates are named by"
                " ssl.keyStore.location and the other settings of zoo.cfg"
            )
        options.makes_certificates = True
    elif name == "--log-level":
        options.log_level = value
    else:
        options.log_format = value


def start(words: Sequence[str]) -> int:
    """``zkserver start``: serve until told to stop; the process's exit code."""
    try:
        options = parse_start(words)
        if options.wants_help:
            sys.stdout.write(START_HELP)
            return 0
        log_output.configure(options.log_level, options.log_format)
    except (UsageError, ValueError) as error:
        return _fail(f"zkserver start: {error}", 2)
    try:
        loaded = _load(options)
    except ConfigError as error:
        return _fail("\n".join(f"zkserver start: {line}" for line in error.problems), 2)
    except StartError as error:
        return _fail(f"zkserver start: {error}", 1)
    notes = [f"warning: {line}" for line in loaded.warnings]
    notes += [f"no effect, {line}" for line in loaded.ignored]

    from zkserver.server.app import serve
    from zkserver.storage import CorruptLog, CorruptSnapshot, DirectoryLocked, DiskFailed

    try:
        return serve(loaded.config, notes)
    except (StartError, DirectoryLocked, DiskFailed, CorruptLog, CorruptSnapshot) as error:
        return _fail(f"zkserver start: {error}", 1)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _fail(f"zkserver start: {where}{error.strerror or error}", 1)
    except KeyboardInterrupt:
        # The signal came before the server had its own handler for it.
        return 130


def _load(options: StartOptions) -> Loaded:
    loaded = load_config(options.config_path, options.settings)
    if not options.makes_certificates:
        return loaded
    # Few starts need it, and it needs much.
    from zkserver.tls.automatic import prepare

    config = loaded.config
    directory, stores = prepare(config.data_dir, config.client_address)
    ports = {
        "clientPort": str(config.client_port),
        "secureClientPort": "0" if config.client_port == 0 else _SECURE_PORT,
    }
    loaded = load_config(options.config_path, {**ports, **options.settings, **stores})
    return replace(loaded, config=replace(loaded.config, tls_auto_directory=directory))


def _fail(text: str, code: int) -> int:
    sys.stderr.write(text + "\n")
    return code


def main(arguments: Sequence[str] | None = None) -> int:
    """The console script; ``arguments`` defaults to those of the process. The exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["start"]:
        return start(words[1:])

    from zkserver.cli_commands import run

    return run(words)
