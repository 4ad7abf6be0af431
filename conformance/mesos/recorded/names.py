"""Ids, uuids, ports and directories are of one run; here the recording's meet ours.

A name of the recording is *bound* to one of ours where an answer or event of ours stands in its
place for the first time, or by a scene (an offer that is about to be accepted). From then on the
pair is fixed, in both directions: requests are translated with it, and an answer that says
another name in that place differs.
"""

from __future__ import annotations

import re
from typing import Final

#: A uuid, with what Mesos adds to that of a master to name agents, offers and frameworks; or
#: the base64 of 16 bytes, as JSON shows the uuid of a status.
_NAME: Final = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?:-(?:[SO]\d+|\d{4}))?"
    r"|(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{22}==(?![A-Za-z0-9+/=])"
)


class Names:
    """The pairs of one section."""

    def __init__(self) -> None:
        self._ours: dict[str, str] = {}
        self._recorded: dict[str, str] = {}
        # Whole pieces of text, such as ports and directories, each way.
        self._pieces: dict[str, str] = {}
        self._recorded_pieces: dict[str, str] = {}

    def add_piece(self, recorded: str, ours: str) -> None:
        """A text that stands for another wherever it occurs, but for within a number."""
        self._pieces[recorded] = ours
        self._recorded_pieces[ours] = recorded

    def bind(self, recorded: str, ours: str) -> bool:
        """Whether the two are a pair, or are one from now on."""
        known = self._ours.setdefault(recorded, ours)
        return known == ours and self._recorded.setdefault(ours, recorded) == recorded

    def rebind(self, recorded: str, ours: str) -> None:
        """Make them a pair, whatever the recorded name meant before."""
        self._recorded.pop(self._ours.pop(recorded, ""), None)
        self._ours[recorded] = ours
        self._recorded.setdefault(ours, recorded)

    def is_bound(self, recorded: str) -> bool:
        """Whether ours is known."""
        return recorded in self._ours

    def is_taken(self, ours: str) -> bool:
        """Whether one of ours has a counterpart."""
        return ours in self._recorded

    def to_ours(self, text: str) -> str:
        """A recorded text with our names; a name that is not bound stays."""
        text = _exchange(text, self._pieces)
        return _NAME.sub(lambda found: self._ours.get(found[0], found[0]), text)

    def to_recorded(self, text: str) -> str:
        """Our text with the recording's addresses and directories; ids stay ours."""
        return _exchange(text, self._recorded_pieces)

    def to_theirs(self, text: str) -> str:
        """Our text with the recording's names; a name that is not bound stays."""
        text = self.to_recorded(text)
        return _NAME.sub(lambda found: self._recorded.get(found[0], found[0]), text)

    def agree(self, recorded: str, ours: str) -> bool:
        """Whether two texts are equal up to names; binds the names that are new."""
        ours = self.to_recorded(ours)
        if recorded == ours:
            return True
        if _NAME.split(recorded) != _NAME.split(ours):
            return False
        # All of them are bound, so that what follows is not misled by the first that differs.
        agreed = True
        for theirs, mine in zip(_NAME.findall(recorded), _NAME.findall(ours), strict=True):
            agreed = self.bind(theirs, mine) and agreed
        return agreed


def _exchange(text: str, pieces: dict[str, str]) -> str:
    if not pieces:
        return text
    ordered = sorted(pieces, key=len, reverse=True)
    pattern = "(?:" + "|".join(map(re.escape, ordered)) + r")(?!\d)"
    return re.sub(pattern, lambda found: pieces[found[0]], text)


def without_names(text: str) -> str:
    """A text without any name, to order by."""
    return _NAME.sub("", text)


def names_in(text: str) -> list[str]:
    """Every name in a text, in its order."""
    return _NAME.findall(text)
