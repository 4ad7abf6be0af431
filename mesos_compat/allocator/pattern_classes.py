r"""Sets of characters in regular expressions: ``[a-z]``, ``\d``, ``[[:alpha:]]``, ``\p{Lu}``."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final

_LAST: Final = 0x10FFFF
_HEX: Final = "0123456789abcdefABCDEF"

Span = tuple[int, int]


class PatternError(ValueError):
    """A pattern that RE2 would refuse; the message is RE2's."""

    def __init__(self, why: str, part: str) -> None:
        super().__init__(f"{why}: {part}" if part else why)


@dataclass(frozen=True, slots=True)
class CharacterClass:
    """Characters by spans of code points and by general categories."""

    spans: tuple[Span, ...] = ()
    # Categories ("L", "Lu") that belong to it, and those whose complement does.
    categories: tuple[str, ...] = ()
    other_than: tuple[str, ...] = ()
    ignore_case: bool = False
    negated: bool = False

    @classmethod
    def of_character(cls, character: str, ignore_case: bool) -> CharacterClass:
        """The class of one character."""
        return cls(((ord(character), ord(character)),), ignore_case=ignore_case)

    def matches(self, character: str) -> bool:
        """Whether ``character`` is one of these."""
        found = self._has(character)
        if not found and self.ignore_case:
            # Only simple folds: what becomes two characters in another case has no other case.
            found = any(
                len(other) == 1 and other != character and self._has(other)
                for other in (character.lower(), character.upper())
            )
        return found != self.negated

    def _has(self, character: str) -> bool:
        code = ord(character)
        if any(first <= code <= last for first, last in self.spans):
            return True
        if not self.categories and not self.other_than:
            return False
        category = unicodedata.category(character)
        return any(category.startswith(one) for one in self.categories) or any(
            not category.startswith(one) for one in self.other_than
        )


def _complement(spans: tuple[Span, ...]) -> tuple[Span, ...]:
    gaps: list[Span] = []
    begin = 0
    for first, last in sorted(spans):
        if begin < first:
            gaps.append((begin, first - 1))
        begin = max(begin, last + 1)
    if begin <= _LAST:
        gaps.append((begin, _LAST))
    return tuple(gaps)


def _spans(text: str) -> tuple[Span, ...]:
    """``"09AZ"`` becomes the spans 0-9 and A-Z."""
    return tuple((ord(text[i]), ord(text[i + 1])) for i in range(0, len(text), 2))


_DIGITS: Final = _spans("09")
_WORD: Final = _spans("09AZ__az")
_BLANKS: Final = _spans("\t\n\f\r  ")

# \d and its like know ASCII only, as in RE2.
PERL_CLASSES: Final = {
    "d": CharacterClass(_DIGITS),
    "D": CharacterClass(_complement(_DIGITS)),
    "w": CharacterClass(_WORD),
    "W": CharacterClass(_complement(_WORD)),
    "s": CharacterClass(_BLANKS),
    "S": CharacterClass(_complement(_BLANKS)),
    # Any byte, which for a text is any character.
    "C": CharacterClass(((0, _LAST),)),
}

ESCAPED_CHARACTERS: Final = {
    "a": "\a", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
}  # fmt: skip

_POSIX_CLASSES: Final = {
    "alnum": _spans("09AZaz"),
    "alpha": _spans("AZaz"),
    "ascii": _spans("\x00\x7f"),
    "blank": _spans("\t\t  "),
    "cntrl": _spans("\x00\x1f\x7f\x7f"),
    "digit": _DIGITS,
    "graph": _spans("!~"),
    "lower": _spans("az"),
    "print": _spans(" ~"),
    "punct": _spans("!/:@[`{~"),
    "space": _spans("\t\r  "),
    "upper": _spans("AZ"),
    "word": _WORD,
    "xdigit": _spans("09AFaf"),
}

# Major categories with the letters of their minor ones.
_MINOR: Final = {
    "C": "cfos", "L": "lmotu", "M": "cen", "N": "dlo", "P": "cdefios", "S": "ckmo", "Z": "lps",
}  # fmt: skip
_CATEGORIES: Final = dict.fromkeys(
    [*_MINOR, *(major + one for major, minor in _MINOR.items() for one in minor)]
)


def is_word_character(character: str) -> bool:
    r"""Whether ``\b`` takes ``character`` as part of a word."""
    return character.isascii() and (character.isalnum() or character == "_")


def read_property(pattern: str, at: int) -> tuple[CharacterClass, int]:
    r"""The class of ``\pL``, ``\PL``, ``\p{Lu}`` or ``\p{^Lu}`` at ``at``, and what follows."""
    end = at + 3
    name = pattern[at + 2 : end]
    if name == "{":
        end = pattern.find("}", at) + 1
        name = pattern[at + 3 : end - 1]
    negated = (pattern[at + 1] == "P") != name.startswith("^")
    name = name.removeprefix("^")
    if not end or (name not in _CATEGORIES and name != "Any"):
        raise PatternError("invalid character class range", pattern[at : end or None])
    if name == "Any":
        return CharacterClass(() if negated else ((0, _LAST),)), end
    if negated:
        return CharacterClass(other_than=(name,)), end
    return CharacterClass(categories=(name,)), end


def read_number_escape(pattern: str, at: int) -> tuple[str, int]:
    r"""The character of ``\x41``, ``\x{1F600}`` or octal ``\101`` at ``at``, and what follows.

    A single digit but 0 would be a backreference and is refused, as in RE2.
    """
    if pattern[at + 1] != "x":
        end = at + 1
        while end < min(at + 4, len(pattern)) and pattern[end] in "01234567":
            end += 1
        digits = pattern[at + 1 : end]
        if digits[0] != "0" and len(digits) == 1:
            raise PatternError("invalid escape sequence", pattern[at:end])
        return chr(int(digits, 8)), end
    end = at + 4
    digits = pattern[at + 2 : end]
    if digits.startswith("{"):
        end = pattern.find("}", at) + 1
        digits = pattern[at + 3 : end - 1] if end else ""
    elif len(digits) < 2:
        digits = ""
    if not digits or len(digits) > 8 or any(digit not in _HEX for digit in digits):
        raise PatternError("invalid escape sequence", pattern[at : end or None])
    code = int(digits, 16)
    if code > _LAST:
        raise PatternError("invalid escape sequence", pattern[at:end])
    return chr(code), end


def read_character_class(pattern: str, begin: int, ignore_case: bool) -> tuple[CharacterClass, int]:
    """The class in brackets that begins at ``begin``, and where the text goes on."""
    spans: list[Span] = []
    categories: list[str] = []
    other_than: list[str] = []
    at = begin + 1
    negated = pattern.startswith("^", at)
    at += negated
    first = at
    while True:
        if at >= len(pattern):
            raise PatternError("missing ]", pattern[begin:])
        if pattern[at] == "]" and at > first:
            break
        if pattern[at] == "-" and at > first and pattern[at + 1 : at + 2] != "]":
            # A dash that neither begins nor ends the class must be part of a span.
            raise PatternError("invalid character class range", pattern[at : at + 2])
        named, end = _read_named_class(pattern, at)
        if named is not None:
            spans.extend(named.spans)
            categories.extend(named.categories)
            other_than.extend(named.other_than)
        else:
            span, end = _read_span(pattern, at, begin)
            spans.append(span)
        at = end
    made = CharacterClass(tuple(spans), tuple(categories), tuple(other_than), ignore_case, negated)
    return made, at + 1


def _read_named_class(pattern: str, at: int) -> tuple[CharacterClass | None, int]:
    if pattern.startswith("[:", at):
        end = pattern.find(":]", at + 2)
        if end < 0:
            return None, at
        name = pattern[at + 2 : end]
        known = _POSIX_CLASSES.get(name.removeprefix("^"))
        if known is None:
            raise PatternError("invalid character class range", pattern[at : end + 2])
        return CharacterClass(_complement(known) if name.startswith("^") else known), end + 2
    if pattern[at] == "\\":
        letter = pattern[at + 1 : at + 2]
        if letter and letter in PERL_CLASSES and letter != "C":
            return PERL_CLASSES[letter], at + 2
        if letter and letter in "pP":
            return read_property(pattern, at)
    return None, at


def _read_span(pattern: str, at: int, begin: int) -> tuple[Span, int]:
    low, end = _read_class_character(pattern, at, begin)
    if pattern[end : end + 1] != "-" or pattern[end + 1 : end + 2] in ("]", ""):
        return (ord(low), ord(low)), end
    high, end = _read_class_character(pattern, end + 1, begin)
    if high < low:
        raise PatternError("invalid character class range", pattern[at:end])
    return (ord(low), ord(high)), end


def _read_class_character(pattern: str, at: int, begin: int) -> tuple[str, int]:
    if pattern[at] != "\\":
        return pattern[at], at + 1
    if at + 1 == len(pattern):
        raise PatternError("missing ]", pattern[begin:])
    letter = pattern[at + 1]
    if letter in ESCAPED_CHARACTERS:
        return ESCAPED_CHARACTERS[letter], at + 2
    if letter == "x" or letter in "01234567":
        return read_number_escape(pattern, at)
    if letter.isascii() and (letter.isalnum() or letter == "_"):
        raise PatternError("invalid escape sequence", pattern[at : at + 2])
    return letter, at + 2
