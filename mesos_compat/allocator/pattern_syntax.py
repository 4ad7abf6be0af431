r"""Regular expressions of offer constraints: from text to a tree of nodes.

The syntax is the part of RE2's (https://github.com/google/re2/wiki/Syntax) that a whole match
of a text needs: literals, ``.``, classes, Perl's and POSIX's named classes, general categories
(``\pL``), groups of all kinds, ``|``, ``* + ? {n,m}``, ``^ $ \A \z \b \B``, ``\Q..\E`` and the
flags ``imsU``. Like RE2 it has no backreferences and no lookaround. Scripts (``\p{Greek}``)
are refused, which RE2 would take.

Each node knows the size of its program, so that ``((a{1000}){1000}){1000}`` is refused before
anything is expanded. Parsing is a loop over a stack of open groups.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from mesos_compat.allocator.pattern_classes import (
    ESCAPED_CHARACTERS,
    PERL_CLASSES,
    CharacterClass,
    PatternError,
    read_character_class,
    read_number_escape,
    read_property,
)

_REPEAT_MAX: Final = 1000
# Groups within groups, since the compiler calls itself for each.
_NESTING_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class Single:
    """One character out of a class."""

    characters: CharacterClass
    size: int = 1


@dataclass(frozen=True, slots=True)
class Assertion:
    """A place between characters: ``^`` and ``$`` of text or line, a word's edge or none."""

    kind: str  # one of "^", "$" (line), "A", "z" (text), "b", "B"
    size: int = 1


@dataclass(frozen=True, slots=True)
class Sequence:
    """One node after the other; without any, the empty text."""

    parts: tuple[Node, ...]
    size: int


@dataclass(frozen=True, slots=True)
class Choice:
    """Any one of several nodes."""

    options: tuple[Node, ...]
    size: int


@dataclass(frozen=True, slots=True)
class Repeat:
    """A node from ``least`` to ``most`` times, None being without end."""

    node: Node
    least: int
    most: int | None
    size: int


Node = Single | Assertion | Sequence | Choice | Repeat


@dataclass(slots=True)
class _Flags:
    ignore_case: bool = False
    multi_line: bool = False
    dot_all: bool = False

    def copy(self) -> _Flags:
        return _Flags(self.ignore_case, self.multi_line, self.dot_all)


@dataclass(slots=True)
class _Group:
    """An open group: what it has so far, and the flags to return to when it ends."""

    flags_outside: _Flags
    captures: bool
    options: list[Node] = field(default_factory=list)
    parts: list[Node] = field(default_factory=list)
    # Where the last repetition operator began, when nothing has come since.
    repeated_at: int | None = None


def parse(pattern: str) -> Node:
    """The tree of ``pattern``; raises :class:`PatternError` with RE2's text."""
    return _Parser(pattern).run()


class _Parser:
    """One pattern being read, from left to right."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._flags = _Flags()
        self._groups = [_Group(_Flags(), captures=False)]

    def run(self) -> Node:
        pattern = self._pattern
        while self._at < len(pattern):
            character = pattern[self._at]
            if character == "(":
                self._open()
            elif character == ")":
                self._close()
            elif character == "|":
                self._at += 1
                _end_option(self._groups[-1])
            elif character in "*+?":
                self._repeat(*{"*": (0, None), "+": (1, None), "?": (0, 1)}[character], 1)
            elif character == "{" and (counts := self._counts()) is not None:
                self._repeat(*counts)
            else:
                self._append(self._atom(character))
        if len(self._groups) > 1:
            raise PatternError("missing )", pattern)
        return _finished(self._groups[0])

    def _append(self, *nodes: Node) -> None:
        group = self._groups[-1]
        group.parts.extend(nodes)
        group.repeated_at = None

    def _atom(self, character: str) -> Node:
        if character == "\\":
            return self._escape()
        if character == "[":
            characters, self._at = read_character_class(
                self._pattern, self._at, self._flags.ignore_case
            )
            return Single(characters)
        self._at += 1
        if character == ".":
            return Single(
                CharacterClass(((0, 0x10FFFF),))
                if self._flags.dot_all
                else CharacterClass(((0, 9), (11, 0x10FFFF)))
            )
        if character == "^":
            return Assertion("^" if self._flags.multi_line else "A")
        if character == "$":
            return Assertion("$" if self._flags.multi_line else "z")
        return self._literal(character)

    def _literal(self, character: str) -> Node:
        return Single(CharacterClass.of_character(character, self._flags.ignore_case))

    def _escape(self) -> Node:
        pattern, at = self._pattern, self._at
        if at + 1 == len(pattern):
            raise PatternError("trailing \\", "")
        letter = pattern[at + 1]
        if letter in "AzbB":
            self._at += 2
            return Assertion(letter)
        if letter == "Q":
            return self._quoted()
        if letter in PERL_CLASSES:
            self._at += 2
            return Single(PERL_CLASSES[letter])
        if letter in "pP":
            characters, self._at = read_property(pattern, at)
            return Single(characters)
        if letter in ESCAPED_CHARACTERS:
            self._at += 2
            return self._literal(ESCAPED_CHARACTERS[letter])
        if letter == "x" or letter == "0" or letter in "1234567":
            character, self._at = read_number_escape(pattern, at)
            return self._literal(character)
        if letter.isascii() and (letter.isalnum() or letter == "_"):
            raise PatternError("invalid escape sequence", pattern[at : at + 2])
        self._at += 2
        return self._literal(letter)

    def _quoted(self) -> Node:
        end = self._pattern.find("\\E", self._at + 2)
        text = self._pattern[self._at + 2 : end if end >= 0 else None]
        self._at = end + 2 if end >= 0 else len(self._pattern)
        if len(text) > 1:
            # A repetition operator after it belongs to its last character alone.
            self._append(*(self._literal(character) for character in text[:-1]))
        return self._literal(text[-1]) if text else Sequence((), 1)

    # Groups.

    def _open(self) -> None:
        if len(self._groups) > _NESTING_MAX:
            raise PatternError("pattern too large - compile failed", "")
        pattern = self._pattern
        if not pattern.startswith("(?", self._at):
            self._at += 1
            self._groups.append(_Group(self._flags.copy(), captures=True))
            return
        for opening in ("(?P<", "(?<"):
            if pattern.startswith(opening, self._at) and pattern[
                self._at + len(opening) : self._at + len(opening) + 1
            ] not in ("=", "!"):
                self._open_named(opening)
                return
        self._open_with_flags()

    def _open_named(self, opening: str) -> None:
        begin = self._at + len(opening)
        end = self._pattern.find(">", begin)
        name = self._pattern[begin:end]
        if end < 0 or not name or not all(one.isalnum() or one == "_" for one in name):
            shown = self._pattern[self._at : end + 1 if end >= 0 else None]
            raise PatternError("invalid named capture group", shown)
        self._at = end + 1
        self._groups.append(_Group(self._flags.copy(), captures=True))

    def _open_with_flags(self) -> None:
        flags, value, any_since_minus = self._flags.copy(), True, True
        for at in range(self._at + 2, len(self._pattern)):
            letter = self._pattern[at]
            if letter in "imsU":
                any_since_minus = True
                if letter == "i":
                    flags.ignore_case = value
                elif letter == "m":
                    flags.multi_line = value
                elif letter == "s":
                    flags.dot_all = value
                # U changes which match is preferred, not whether there is one.
            elif letter == "-" and value:
                value, any_since_minus = False, False
            elif letter in ":)" and any_since_minus:
                if letter == ":":
                    self._groups.append(_Group(self._flags.copy(), captures=False))
                self._flags, self._at = flags, at + 1
                return
            else:
                raise PatternError("invalid perl operator", self._pattern[self._at : at + 1])
        raise PatternError("missing )", self._pattern)

    def _close(self) -> None:
        if len(self._groups) == 1:
            raise PatternError("unexpected )", self._pattern)
        self._at += 1
        group = self._groups.pop()
        node = _finished(group)
        self._flags = group.flags_outside
        if group.captures:
            # What a capture would cost RE2, which sees no harm in counting it.
            node = Sequence((node,), node.size + 2)
        self._append(node)

    # Repetition.

    def _counts(self) -> tuple[int, int | None, int] | None:
        """Least, most and length of ``{n}``, ``{n,}`` or ``{n,m}``; None for a literal brace."""
        end = self._pattern.find("}", self._at)
        if end < 0:
            return None
        low, comma, high = self._pattern[self._at + 1 : end].partition(",")
        numbers = [low, high] if high else [low]
        if not all(one.isascii() and one.isdigit() for one in numbers):
            return None
        length = end + 1 - self._at
        values = [int(one) if len(one) <= 4 else _REPEAT_MAX + 1 for one in numbers]
        if max(values) > _REPEAT_MAX or values[0] > values[-1]:
            raise PatternError("invalid repetition size", self._pattern[self._at : end + 1])
        return values[0], (None if comma and not high else values[-1]), length

    def _repeat(self, least: int, most: int | None, length: int) -> None:
        group, begin = self._groups[-1], self._at
        end = begin + length
        if self._pattern[end : end + 1] == "?":
            # A lazy operator prefers another match, but there is one just the same.
            end += 1
        operator = self._pattern[begin:end]
        if not group.parts:
            raise PatternError("no argument for repetition operator", operator)
        if group.repeated_at is not None:
            raise PatternError("bad repetition operator", self._pattern[group.repeated_at : end])
        node = group.parts.pop()
        copies = max(least, 1) if most is None else most
        size = node.size * copies + (1 if most is None else most - least) + (copies == 0)
        group.parts.append(Repeat(node, least, most, size))
        group.repeated_at = begin
        self._at = end


def _end_option(group: _Group) -> None:
    parts = group.parts
    if len(parts) == 1:
        group.options.append(parts[0])
    else:
        size = sum(part.size for part in parts) or 1
        group.options.append(Sequence(tuple(parts), size))
    group.parts = []
    group.repeated_at = None


def _finished(group: _Group) -> Node:
    _end_option(group)
    if len(group.options) == 1:
        return group.options[0]
    size = sum(option.size for option in group.options) + len(group.options) - 1
    return Choice(tuple(group.options), size)
