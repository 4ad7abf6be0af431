"""SASL's keys, and JAAS files as far as a server's login needs them.

::

    Server {
        org.apache.zookeeper.server.auth.DigestLoginModule required
        user_super="secret" user_bob="secret too";
    };

Source: the grammar of ``javax.security.auth.login.Configuration``, ``DigestLoginModule``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from zkserver.config_keys import nonempty, true_or_false

if TYPE_CHECKING:
    from zkserver.config import Reader

_FILE: Final = "java.security.auth.login.config"
_SECTION: Final = "sasl.serverconfig"
_KEYS: Final = (
    _FILE, _SECTION, "allowSaslFailedClients", "sessionRequireClientSASLAuth", "superUser",
)  # fmt: skip
_TOKEN: Final = re.compile(
    r"""\s+|//[^\n]*|/\*.*?\*/|(?P<text>"(?:[^"\\]|\\.)*")|(?P<word>[^\s{};="]+)|(?P<mark>[{};=])""",
    re.DOTALL,
)
_MODULE: Final = "DigestLoginModule"
_USER: Final = "user_"


def read_users(path: str, section: str) -> dict[str, str]:
    """The passwords of the users in a file's section, by their names.

    Raises ``ValueError`` with what is wrong.
    """
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123 - as the rest of the start
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "is no text in UTF-8"
        raise ValueError(f"cannot be read: {why}") from None
    sections = _parse(text)
    if section not in sections:
        known = ", ".join(sections) or "none"
        raise ValueError(f"has no section {section}; there is {known} (sasl.serverconfig)")
    module, options = sections[section]
    if not module.endswith(_MODULE):
        raise ValueError(
            f"{section} logs in by {module}; only DIGEST-MD5 is available here"
            f" (org.apache.zookeeper.server.auth.{_MODULE}), and GSSAPI is not"
        )
    users = {
        name.removeprefix(_USER): value for name, value in options.items() if name.startswith(_USER)
    }
    if not users:
        raise ValueError(f'{section} has no users: options such as user_bob="password"')
    return users


def _parse(text: str) -> dict[str, tuple[str, dict[str, str]]]:
    """Section -> its first module, and that one's options."""
    tokens = _tokens(text)
    sections: dict[str, tuple[str, dict[str, str]]] = {}
    while tokens:
        name = tokens.pop(0)
        _expect(tokens, "{", f"behind {name}")
        modules: list[tuple[str, dict[str, str]]] = []
        while tokens and tokens[0] != "}":
            modules.append(_module(tokens))
        _expect(tokens, "}", f"at the end of {name}")
        _expect(tokens, ";", f"behind the section {name}")
        if modules:
            sections[name] = modules[0]
    return sections


def _module(tokens: list[str]) -> tuple[str, dict[str, str]]:
    module = tokens.pop(0)
    if tokens and tokens[0] not in "{};=":
        # The flag: required, requisite, sufficient or optional.
        tokens.pop(0)
    options: dict[str, str] = {}
    while tokens and tokens[0] != ";":
        name = tokens.pop(0)
        _expect(tokens, "=", f"behind the option {name}")
        if not tokens:
            raise ValueError(f"ends behind the option {name}")
        options[name] = tokens.pop(0)
    _expect(tokens, ";", f"behind the options of {module}")
    return module, options


def _expect(tokens: list[str], mark: str, where: str) -> None:
    if not tokens or tokens.pop(0) != mark:
        raise ValueError(f"{mark} is missing {where}")


def _tokens(text: str) -> list[str]:
    found, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            line = text.count("\n", 0, at) + 1
            raise ValueError(f"line {line}: cannot be understood: {text[at : at + 30]!r}")
        if match["text"] is not None:
            found.append(re.sub(r"\\(.)", r"\1", match["text"][1:-1]))
        elif match[0].strip() and not match[0].startswith(("//", "/*")):
            found.append(match[0])
        at = match.end()
    return found


def is_of_sasl(key: str) -> bool:
    """Whether a key is read here."""
    return key in _KEYS or key.startswith("superUser.")


def take_sasl(settings: dict[str, str], reader: Reader) -> None:
    """Take the keys out of ``settings`` and put what they say into the reader's fields."""
    own = {key: settings.pop(key) for key in tuple(settings) if is_of_sasl(key)}
    path, section = own.pop(_FILE, None), own.pop(_SECTION, "Server")
    fields, problems = reader.fields, reader.problems
    super_users = []
    for key, value in own.items():
        try:
            if key == "allowSaslFailedClients":
                fields["allow_sasl_failures"] = true_or_false(value)
            elif key == "sessionRequireClientSASLAuth":
                fields["require_sasl"] = true_or_false(value)
            else:
                super_users.append(nonempty(value))
        except ValueError as error:
            problems.append(f"{key}={value}: {error}")
    if path is not None:
        try:
            fields["sasl_users"] = read_users(path, section)
        except ValueError as error:
            problems.append(f"{_FILE}={path}: {error}")
        fields["sasl_super_users"] = tuple(super_users)
        return
    if fields.get("require_sasl"):
        problems.append(
            f"sessionRequireClientSASLAuth=true: needs {_FILE}, a JAAS file with a section"
            f" {section}"
        )
    for key in own:
        if key != "sessionRequireClientSASLAuth":
            reader.ignore(key, f"SASL needs {_FILE}, which is not there")
