"""JSON text and plain values: what Mesos accepts, and what it prints.

Mesos reads with picojson and writes with RapidJSON. Python's own reader and writer, which are
in C, differ from these in few things, and those are put right here: the words of a syntax
error, numbers that are no JSON, halves of surrogate pairs, and doubles far from one.
"""

from __future__ import annotations

import json
import math
import re
from json.encoder import encode_basestring_ascii
from typing import Final, NoReturn, TypeAlias

from mesos_compat.errors import DecodeError

JsonValue: TypeAlias = "dict[str, JsonValue] | list[JsonValue] | str | int | float | bool | None"

#: An error repeats at most so much of the text that it complains of.
NEAR_CHARS_MAX: Final = 1024

#: A string of any characters as JSON, in ASCII: some clients slice decoded records by bytes.
quote = encode_basestring_ascii


class JsonSyntaxError(DecodeError):
    """The text is no JSON. The message is what Mesos has after its ``into JSON: ``."""


class _StrayConstantError(Exception):
    """Python's reader has met NaN or an infinity, which JSON does not have."""


_BLANKS: Final = re.compile(r"[ \t\n\r]*")
_NUMBER: Final = re.compile(r"[-+.0-9eE]*")
# Strings are matched to be stepped over; an unfinished one reaches to the end.
_CONSTANT: Final = re.compile(
    r'"(?:[^"\\]+|\\.)*+(?:"|\\?\Z)|(?P<constant>NaN|-?Infinity)', re.DOTALL
)
# An escaped pair, an escaped half, or any other escape.
_ESCAPE: Final = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|(?P<half>\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\.",
    re.DOTALL,
)
_CONTROL: Final = re.compile(r"[\x00-\x1f]")
# A double as Python prints it and RapidJSON does not, as an element or a member.
_PYTHON_EXPONENT: Final = re.compile(r"[:\[,]-?[0-9.]+e[-+][0-9]+[,\]}]")


def parse(data: bytes | str) -> JsonValue:
    """The value that ``data`` holds. Of a key that comes twice, the last counts.

    Raises :class:`JsonSyntaxError`. Integers have any size here; NaN and infinities do not occur.
    """
    text = data if isinstance(data, str) else _utf8(data)
    start = len(text) - len(text.lstrip(" \t\n\r"))
    try:
        value, end = _DECODER.raw_decode(text, start)
    except json.JSONDecodeError as error:
        raise _syntax_error(text, _picojson_position(text, error)) from None
    except _StrayConstantError:
        raise _syntax_error(text, _constant_position(text)) from None
    except RecursionError:
        raise JsonSyntaxError("Arrays and objects are nested too deeply") from None
    except JsonSyntaxError:
        raise
    except ValueError:
        # An integer of more digits than Python converts; Mesos would make it a double.
        raise JsonSyntaxError("Value out of range") from None
    trailing = text[end:].rstrip(" \t\n\r")
    if trailing:
        raise JsonSyntaxError(
            f"Parsed JSON included non-whitespace trailing characters: {trailing[:NEAR_CHARS_MAX]}"
        )
    _refuse_half_pairs(text)
    parsed: JsonValue = value
    return parsed


def encode_value(value: object) -> str:
    """Print plain values as Mesos prints JSON: compact, in ASCII, and doubles as ``4.0``.

    ``value`` is made of dicts with string keys, lists, tuples, strings, ints, floats, bools and
    None; a float is a double even where it is integral. Infinities become the strings that
    Mesos reads as such.
    """
    try:
        text = _ENCODER.encode(value)
    except ValueError:
        # NaN or an infinity.
        return _encode_slowly(value)
    if isinstance(value, float) or _PYTHON_EXPONENT.search(text):
        # Perhaps only a string that looks like such a double: no harm, it takes longer.
        return _encode_slowly(value)
    return text


def print_double(value: float) -> str:
    """A double as RapidJSON prints it: the shortest digits that give it back."""
    text = repr(value)
    if "e" in text or "n" in text:
        return _print_uncommon_double(value, text)
    return text


def _print_uncommon_double(value: float, text: str) -> str:
    """A double that Python prints with an exponent, or that is no number."""
    if math.isnan(value):
        return '"NaN"'
    if math.isinf(value):
        return '"Infinity"' if value > 0 else '"-Infinity"'
    mantissa, _, exponent_text = text.partition("e")
    sign = "-" if mantissa.startswith("-") else ""
    digits = mantissa.removeprefix("-").replace(".", "")
    exponent = int(exponent_text)
    # Python turns to exponents at 1e16 and below 1e-4, RapidJSON at 1e21 and below 1e-6.
    if 0 <= exponent <= 20:
        return f"{sign}{digits.ljust(exponent + 1, '0')}.0"
    if -6 <= exponent < 0:
        return f"{sign}0.{'0' * (-exponent - 1)}{digits}"
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{fraction}e{exponent}"


def _encode_slowly(value: object) -> str:
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, float):
        return print_double(value)
    if isinstance(value, dict):
        members = [f"{quote(key)}:{_encode_slowly(member)}" for key, member in value.items()]
        return "{" + ",".join(members) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join([_encode_slowly(element) for element in value]) + "]"
    return _ENCODER.encode(value)


def _utf8(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise JsonSyntaxError(f"Not UTF-8 at byte {error.start}") from None


def _read_double(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise JsonSyntaxError("Value out of range")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise _StrayConstantError(name)


def _constant_position(text: str) -> int:
    for match in _CONSTANT.finditer(text):
        if match["constant"]:
            # picojson takes the sign for a number's.
            return match.start() + match["constant"].startswith("-")
    return len(text)


def _refuse_half_pairs(text: str) -> None:
    """Refuse surrogates outside of pairs: no encoding has them, so they could not leave again."""
    if "\\u" in text:
        for match in _ESCAPE.finditer(text):
            if match["half"]:
                raise _syntax_error(text, match.end())
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise JsonSyntaxError(f"Not Unicode at character {error.start}") from None


def _picojson_position(text: str, error: json.JSONDecodeError) -> int:
    """How far picojson would have read when it met the error that Python's reader has met."""
    position = error.pos
    if error.msg.startswith("Unterminated string"):
        return len(text)
    if error.msg.startswith("Invalid \\escape"):
        return min(position + 2, len(text))
    if error.msg.startswith("Illegal trailing comma"):
        # From Python 3.13 on; earlier ones complain of what is behind it, like picojson.
        blanks = _BLANKS.match(text, position + 1)
        return blanks.end() if blanks else position
    if error.msg.startswith("Expecting value"):
        return _value_position(text, position)
    return position


def _value_position(text: str, position: int) -> int:
    """Where what stands at ``position`` stops being the beginning of a value."""
    for literal in ("null", "true", "false"):
        if text.startswith(literal[0], position):
            matched = 1
            while matched < len(literal) and text.startswith(literal[: matched + 1], position):
                matched += 1
            return position + matched
    number = _NUMBER.match(text, position)
    starts_number = text[position : position + 1] in tuple("-0123456789")
    return number.end() if number and starts_number else position


def _syntax_error(text: str, position: int) -> JsonSyntaxError:
    line = text.count("\n", 0, position) + 1
    line_end = text.find("\n", position)
    rest = text[position : line_end if line_end >= 0 else len(text)]
    near = _CONTROL.sub("", rest[:NEAR_CHARS_MAX])
    # What the text holds beside the error may be halves of pairs, which could not be sent.
    near = near.encode(errors="replace").decode()
    return JsonSyntaxError(f"syntax error at line {line} near: {near}")


_DECODER: Final = json.JSONDecoder(parse_float=_read_double, parse_constant=_refuse_constant)
_ENCODER: Final = json.JSONEncoder(
    ensure_ascii=True, allow_nan=False, check_circular=False, separators=(",", ":")
)
