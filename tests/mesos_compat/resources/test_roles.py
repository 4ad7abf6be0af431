"""Role names and their hierarchy; the texts are those of recorded answers."""

from __future__ import annotations

import pytest

from mesos_compat.resources import roles


@pytest.mark.parametrize("role", ["*", "r1", "a/b/c", "...", "a-b", "a*", "rôle", "a/.b"])
def test_ordinary_names_are_valid(role: str) -> None:
    assert roles.validate(role) is None


@pytest.mark.parametrize(
    ("role", "why"),
    [
        ("", "Role names cannot be the empty string"),
        ("/a", "Role '/a' cannot start with a slash"),
        ("/", "Role '/' cannot start with a slash"),
        ("a/", "Role 'a/' cannot end with a slash"),
        ("a//b", "Role 'a//b' cannot contain two adjacent slashes"),
        (".", "Role '.' cannot include '.' as a component"),
        ("..", "Role '..' cannot include '..' as a component"),
        ("a/../b", "Role 'a/../b' cannot include '..' as a component"),
        ("a/*", "Role 'a/*' cannot include '*' as a component"),
        ("-r", "Role component '-r' is invalid because it starts with a dash"),
        ("a/-r", "Role component '-r' is invalid because it starts with a dash"),
        ("a b", "Role component 'a b' is invalid because it contains backspace or whitespace"),
        ("a\x7f", "Role component 'a\x7f' is invalid because it contains backspace or whitespace"),
        ("x/a\tb", "Role component 'a\tb' is invalid because it contains backspace or whitespace"),
    ],
)
def test_other_names_are_refused_with_the_first_fault(role: str, why: str) -> None:
    assert roles.validate(role) == why


def test_a_subrole_lies_strictly_below() -> None:
    assert roles.is_subrole("a/b/c", "a/b")
    assert roles.is_subrole("a/b/c", "a")
    assert not roles.is_subrole("a", "a")
    assert not roles.is_subrole("ab/c", "a")
    assert not roles.is_subrole("a", "a/b")


def test_a_subtree_holds_its_top() -> None:
    assert roles.is_in_subtree("a", "a")
    assert roles.is_in_subtree("a/b", "a")
    assert not roles.is_in_subtree("ab", "a")


def test_ancestors_are_the_nearest_first() -> None:
    assert roles.ancestors("a/b/c") == ["a/b", "a"]
    assert roles.ancestors("a") == []
