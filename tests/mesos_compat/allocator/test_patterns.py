"""Regular expressions: compared with Python's ``re`` where the two agree, and with RE2's texts."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesos_compat.allocator.pattern_classes import PatternError
from mesos_compat.allocator.patterns import Pattern

ROOMY = 1 << 24


def matches(pattern: str, text: str) -> bool:
    return Pattern(pattern, ROOMY).matches(text)


@pytest.mark.parametrize(
    ("pattern", "match", "others"),
    [
        ("", "", ["a"]),
        ("rack-1", "rack-1", ["rack-10", "xrack-1", ""]),
        ("a|bc|", "bc", ["abc", "b"]),
        ("r(ack)?-[0-9]+", "rack-12", ["rack-", "ra-1"]),
        ("[^a-c]", "d", ["a", "b", "dd"]),
        ("[]x-]+", "]-x", ["[", ""]),
        ("[a\\-z]", "-", ["b"]),
        ("[[:alpha:]_]+", "a_Z", ["a1"]),
        ("[[:^digit:]]", "x", ["1"]),
        ("\\d{2,3}", "123", ["1", "1234"]),
        ("a{2}", "aa", ["a", "aaa"]),
        ("a{0}b", "b", ["ab"]),
        ("a{2,}", "aaaa", ["a"]),
        ("a{,2}", "a{,2}", ["aa"]),
        ("x{", "x{", ["x"]),
        ("(?i)RaCk", "rAcK", ["rac"]),
        ("(?i:a)b", "Ab", ["AB"]),
        ("a(?i)b|c", "aB", ["AB"]),
        ("(?P<name>a+)(?<other>b)", "aab", ["aa"]),
        ("^a$", "a", ["ba"]),
        ("\\Aa\\z", "a", ["a\n"]),
        ("(?m)a$\n^b", "a\nb", ["ab"]),
        ("a.c", "abc", ["a\nc"]),
        ("(?s)a.c", "a\nc", ["ac"]),
        ("\\bfoo\\b.*", "foo bar", ["foobar"]),
        ("a\\Bb", "ab", ["a b"]),
        ("\\Qa.b*\\E+", "a.b**", ["aab"]),
        ("\\x41\\x{1F600}\\101", "A\U0001f600A", ["AA"]),
        ("\\pL\\p{Nd}\\PL", "ä५1", ["1५1"]),
        ("[\\p{Lu}\\d]+", "A1", ["a"]),
        ("\\w\\W\\s\\S", "a- b", ["ab c"]),
        ("\\t\\.\\/", "\t./", ["t./"]),
        ("(a*)*b", "aab", ["aac"]),
        ("(|a)+", "aaa", ["b"]),
        ("(?:)*", "", ["x"]),
        ("a+?b??", "aa", ["b"]),
        ("(?s-i:.)\\p{Any}[\\n\\x41\\.]", "\nxA", ["abc"]),
        ("[[:x]+", ":[x", ["a"]),
        ("(?i)[k]ä", "KÄ", ["kA"]),
        ("[^\\D]", "1", ["a"]),
    ],
)
def test_pattern_matches_whole_texts_only(pattern: str, match: str, others: list[str]) -> None:
    assert matches(pattern, match)
    for other in others:
        assert not matches(pattern, other), other


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("a(b", "missing ): a(b"),
        ("a)", "unexpected ): a)"),
        ("[a", "missing ]: [a"),
        ("[z-a]", "invalid character class range: z-a"),
        ("[[:foo:]]", "invalid character class range: [:foo:]"),
        ("*a", "no argument for repetition operator: *"),
        ("(+)", "no argument for repetition operator: +"),
        ("a**", "bad repetition operator: **"),
        ("a{1001}", "invalid repetition size: {1001}"),
        ("a{3,2}", "invalid repetition size: {3,2}"),
        ("(a)\\1", "invalid escape sequence: \\1"),
        ("\\y", "invalid escape sequence: \\y"),
        ("a\\", "trailing \\"),
        ("(?=a)", "invalid perl operator: (?="),
        ("(?<=a)", "invalid perl operator: (?<"),
        ("(?!a)", "invalid perl operator: (?!"),
        ("(?P<n", "invalid named capture group: (?P<n"),
        ("(?P<a-b>c)", "invalid named capture group: (?P<a-b>"),
        ("\\p{Greek}", "invalid character class range: \\p{Greek}"),
        ("\\x4", "invalid escape sequence: \\x4"),
        ("\\x{}", "invalid escape sequence: \\x{}"),
        ("[a-c-e]", "invalid character class range: -e"),
        ("[a\\", "missing ]: [a\\"),
        ("[\\y]", "invalid escape sequence: \\y"),
        ("\\x{110000}", "invalid escape sequence: \\x{110000}"),
        ("(?i", "missing ): (?i"),
        ("(" * 200, "pattern too large - compile failed"),
    ],
)
def test_malformed_pattern_is_refused_in_the_words_of_re2(pattern: str, text: str) -> None:
    with pytest.raises(PatternError) as raised:
        Pattern(pattern, ROOMY)
    assert str(raised.value) == text


def test_nested_repetition_is_refused_before_it_is_expanded() -> None:
    with pytest.raises(PatternError, match="too large"):
        Pattern("((((a{1000}){1000}){1000}){1000}){1000}", 4096)


@pytest.mark.parametrize(
    "pattern", ["(a*)*b", "(a|a)*b", "(a+)+b", "(.*)*(.*)*c", "(a?){30}a{30}b"]
)
def test_hostile_pattern_does_no_more_work_than_program_times_text(pattern: str) -> None:
    compiled = Pattern(pattern, ROOMY)
    # Backtracking would need more steps than there is time in the world.
    assert not compiled.matches("a" * 500)


_pieces = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", "\\w", "(?:a|b)", "(ab)", "^", "$"])
_suffixes = st.sampled_from(["", "", "*", "+", "?", "{2}", "{1,2}"])
_parts = st.builds(
    lambda piece, suffix: piece if piece in "^$" else piece + suffix, _pieces, _suffixes
)
_sequences = st.lists(_parts, max_size=5).map("".join)
_patterns = st.lists(_sequences, min_size=1, max_size=3).map("|".join)


@given(_patterns, st.text("abc\n", max_size=6))
def test_pattern_agrees_with_python(pattern: str, text: str) -> None:
    # Python's $ also matches before a newline at the end, RE2's does not.
    expected = re.fullmatch(pattern.replace("$", "\\Z"), text, re.ASCII) is not None
    assert matches(pattern, text) == expected


@given(st.text("ab()[]{}*+?|\\^$-,1:dpxQE", max_size=12), st.text("ab1", max_size=4))
def test_any_text_is_a_pattern_or_refused(pattern: str, text: str) -> None:
    try:
        compiled = Pattern(pattern, ROOMY)
    except PatternError:
        return
    assert compiled.matches(text) in (True, False)
