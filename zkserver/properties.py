"""Java's properties syntax, as far as a zoo.cfg can use it.

Apache reads zoo.cfg with ``java.util.Properties.load``, so what administrators
wrote over the years relies on its rules: ``=``, ``:`` or blanks between key and
value, ``#`` and ``!`` comments, a backslash at the end of a line that joins the
next one, and escapes such as ``\\u00e4``. Later lines win over earlier ones.
One difference is meant: Apache reads Latin-1, we read UTF-8 where the file is
valid UTF-8, so a dataDir with an umlaut is what the editor showed.
"""

from __future__ import annotations

from collections.abc import Iterator

_BLANKS = " \t\f"
_ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}


def parse_properties(content: bytes) -> dict[str, str]:
    """Keys and values of a properties file, values without surrounding blanks.

    Raises ``ValueError`` for a malformed ``\\uXXXX`` escape, as Java does.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    found: dict[str, str] = {}
    for line in _logical_lines(text):
        key, value = _split(line)
        # QuorumPeerConfig.parseProperties trims both.
        found[_unescape(key).strip()] = _unescape(value).strip()
    return found


def _logical_lines(text: str) -> Iterator[str]:
    """The lines with comments left out and continuations joined."""
    pending = ""
    # Only these end a line for Java; str.splitlines() would also split at form feeds.
    for natural in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        line = natural.lstrip(_BLANKS)
        if not pending and (not line or line[0] in "#!"):
            continue
        # An odd number of backslashes at the end joins, an even one is itself escaped.
        if (len(line) - len(line.rstrip("\\"))) % 2:
            pending += line[:-1]
            continue
        yield pending + line
        pending = ""
    if pending:
        yield pending


def _split(line: str) -> tuple[str, str]:
    """Key and value, still escaped: the first unescaped ``=``, ``:`` or blank separates."""
    at = 0
    while at < len(line) and line[at] not in "=:" + _BLANKS:
        at += 2 if line[at] == "\\" else 1
    rest = line[at:].lstrip(_BLANKS)
    if rest[:1] in ("=", ":"):
        rest = rest[1:].lstrip(_BLANKS)
    return line[:at], rest


def _unescape(text: str) -> str:
    if "\\" not in text:
        return text
    out: list[str] = []
    at = 0
    while at < len(text):
        char = text[at]
        at += 1
        if char != "\\" or at == len(text):
            out.append(char)
            continue
        char = text[at]
        at += 1
        if char == "u":
            digits = text[at : at + 4]
            if len(digits) < 4 or any(d not in "0123456789abcdefABCDEF" for d in digits):
                raise ValueError(f"\\u{digits}: four hexadecimal digits must follow \\u")
            out.append(chr(int(digits, 16)))
            at += 4
        else:
            out.append(_ESCAPES.get(char, char))
    return "".join(out)
