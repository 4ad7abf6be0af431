"""The recorded files of one section.

``NAME.req`` and ``NAME.res`` are HTTP as it was sent, ``NAME.event.json`` and ``NAME.event.pb``
one event, ``NAME.jsonstream`` and ``NAME.pbstream`` the events of a whole stream.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

GOLDEN: Final = Path(__file__).resolve().parents[3] / "tests" / "mesos_compat" / "golden"
_NEXT_OFFERS: Final = ".next-offers"
_CASE_SUFFIXES: Final = (".res", ".event.json", ".event.pb")

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it was sent."""

    method: str
    target: str
    headers: Headers
    body: bytes

    def header(self, name: str) -> str | None:
        """The first of that name, which is in small letters."""
        return find_header(self.headers, name)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it came; of a stream, its head."""

    status: str
    headers: Headers
    body: bytes

    def header(self, name: str) -> str | None:
        """The first of that name, which is in small letters."""
        return find_header(self.headers, name)


def cases_of(text: str) -> tuple[str, ...]:
    """Names of cases, one after another."""
    return tuple(text.split())


def find_header(headers: Headers, name: str) -> str | None:
    """The value of the first header of that name, which is in small letters."""
    return next((value for given, value in headers if given.lower() == name), None)


def split_head(raw: bytes) -> tuple[str, Headers, bytes]:
    """The first line, the headers, and what comes after the empty line."""
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = tuple((line.partition(":")[0], line.partition(":")[2].strip()) for line in lines)
    return first, headers, body


def split_records(stream: bytes) -> list[bytes]:
    """The records of a RecordIO stream that is there as a whole."""
    records = []
    while stream:
        length, _, rest = stream.partition(b"\n")
        records.append(rest[: int(length)])
        stream = rest[int(length) :]
    return records


class Section:
    """The recordings in one folder."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._directory = GOLDEN / name

    def cases(self) -> list[str]:
        """Every answer and every single event that there is, by name."""
        found = {
            path.name.removesuffix(suffix)
            for path in self._directory.iterdir()
            for suffix in _CASE_SUFFIXES
            if path.name.endswith(suffix)
        }
        offers = {path.stem for path in self._directory.glob(f"*{_NEXT_OFFERS}.json")}
        return sorted(found | offers)

    def request(self, case: str) -> Request:
        """What was asked."""
        raw = (self._directory / f"{case}.req").read_bytes()
        first, headers, body = split_head(raw)
        method, target, _ = first.split(" ")
        return Request(method, target, headers, body)

    def answer(self, case: str) -> Answer:
        """What was answered."""
        first, headers, body = split_head((self._directory / f"{case}.res").read_bytes())
        return Answer(first.partition(" ")[2], headers, body)

    def event(self, case: str) -> bytes:
        """One event, in the form in which it was sent."""
        path = self._directory / f"{case}.event.json"
        return (path if path.exists() else path.with_suffix(".pb")).read_bytes()

    def has(self, case: str) -> bool:
        """Whether there is such a case."""
        return case in self.cases()

    def kept(self, name: str) -> bytes:
        """Any other file of the recording."""
        return (self._directory / name).read_bytes()

    def next_offers(self, case: str) -> bytes:
        """The OFFERS that came after a case."""
        return (self._directory / f"{case}{_NEXT_OFFERS}.json").read_bytes()

    def events(self, case: str) -> list[bytes]:
        """The events of a whole stream; none where the stream was not kept."""
        for suffix in ("jsonstream", "pbstream"):
            path = self._directory / f"{case}.{suffix}"
            if path.exists():
                return split_records(path.read_bytes())
        return []
