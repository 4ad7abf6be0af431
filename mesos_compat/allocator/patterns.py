"""Matching texts against regular expressions in time that no pattern can blow up.

A pattern becomes a program of a few instructions, and all of its possible states are followed
at once, character by character (Thompson, *Regular Expression Search Algorithm*, 1968): the
work is at most the program's size times the text's length. Python's ``re`` would backtrack,
and a framework could hold up the master with ``(a*)*b``.
"""

from __future__ import annotations

from typing import Final

from mesos_compat.allocator import pattern_syntax as syntax
from mesos_compat.allocator.pattern_classes import CharacterClass, PatternError, is_word_character

# RE2 gives two thirds of its memory to the program, at 16 bytes for an instruction.
_INSTRUCTION_BYTES: Final = 16
# The match, the failure, and the loop in front that makes a search of a match.
_FRAME_INSTRUCTIONS: Final = 4

# Instructions: a class goes to the next state, an assertion too if it holds, a list of states
# is a fork; the last instruction is the match.
_Instruction = tuple[CharacterClass, int] | tuple[str, int] | list[int] | None


class Pattern:
    """A compiled regular expression."""

    __slots__ = ("_entry", "_program", "size")

    def __init__(self, text: str, max_mem_bytes: int) -> None:
        """Raises :class:`PatternError`, with RE2's text, when it is malformed or too large."""
        tree = syntax.parse(text)
        # How many instructions RE2 would need, which is close to what is needed here.
        self.size: int = tree.size + _FRAME_INSTRUCTIONS
        if self.size * _INSTRUCTION_BYTES > max_mem_bytes * 2 // 3:
            raise PatternError("pattern too large - compile failed", "")
        self._program: list[_Instruction] = [None]
        self._entry = self._compile(tree, 0)

    def matches(self, text: str) -> bool:
        """Whether the pattern matches all of ``text``."""
        program = self._program
        states = self._closure([self._entry], None, text[:1])
        for index, character in enumerate(text):
            after: list[int] = []
            for state in states:
                instruction = program[state]
                if (
                    isinstance(instruction, tuple)
                    and isinstance(instruction[0], CharacterClass)
                    and instruction[0].matches(character)
                ):
                    after.append(instruction[1])
            if not after:
                return False
            states = self._closure(after, character, text[index + 1 : index + 2])
        return 0 in states

    def _closure(self, states: list[int], before: str | None, after: str) -> dict[int, None]:
        """Where one can be between two characters without taking another."""
        reached: dict[int, None] = {}
        pending = list(reversed(states))
        while pending:
            state = pending.pop()
            if state in reached:
                continue
            reached[state] = None
            instruction = self._program[state]
            if isinstance(instruction, list):
                pending.extend(instruction)
            elif (
                instruction is not None
                and isinstance(instruction[0], str)
                and _holds(instruction[0], before, after)
            ):
                pending.append(instruction[1])
        return reached

    # Compiling, from the end to the beginning: each part is given where it leads to.

    def _add(self, instruction: _Instruction) -> int:
        self._program.append(instruction)
        return len(self._program) - 1

    def _compile(self, node: syntax.Node, then: int) -> int:
        if isinstance(node, syntax.Single):
            return self._add((node.characters, then))
        if isinstance(node, syntax.Assertion):
            return self._add((node.kind, then))
        if isinstance(node, syntax.Sequence):
            for part in reversed(node.parts):
                then = self._compile(part, then)
            return then
        if isinstance(node, syntax.Choice):
            return self._add([self._compile(option, then) for option in node.options])
        return self._compile_repeat(node, then)

    def _compile_repeat(self, node: syntax.Repeat, then: int) -> int:
        if node.most is None:
            fork = [then]
            loop = self._add(fork)
            fork.append(self._compile(node.node, loop))
            then = loop
        else:
            leave = then
            for _copy in range(node.most - node.least):
                then = self._add([leave, self._compile(node.node, then)])
        for _copy in range(node.least):
            then = self._compile(node.node, then)
        return then


def _holds(kind: str, before: str | None, after: str) -> bool:
    """Whether an assertion holds between ``before``, None at the start, and ``after``."""
    if kind == "A":
        return before is None
    if kind == "z":
        return not after
    if kind == "^":
        return before is None or before == "\n"
    if kind == "$":
        return not after or after == "\n"
    at_edge = (before is not None and is_word_character(before)) != (
        bool(after) and is_word_character(after)
    )
    return at_edge == (kind == "b")
