"""Who takes part: the voters and the observers of one configuration."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Configuration:
    """The members from one point of the sequence to another; both tuples are sorted.

    ``number`` counts the configurations and is the first part of the ballots used in
    this one.
    """

    number: int
    voters: tuple[int, ...]
    observers: tuple[int, ...] = ()

    @property
    def members(self) -> tuple[int, ...]:
        """All servers, voters first."""
        return self.voters + self.observers

    def is_majority(self, count: int) -> bool:
        """Whether ``count`` voters are more than half of them."""
        return 2 * count > len(self.voters)

    def majority_of(self, lengths: list[int]) -> int:
        """The greatest length that a majority of voters has reached; one length for each voter."""
        return sorted(lengths, reverse=True)[len(lengths) // 2]

    def one_short_of_majority(self, lengths: list[int]) -> int:
        """The greatest length that lacks one voter, whose length is not among ``lengths``."""
        return sorted(lengths, reverse=True)[(len(lengths) + 1) // 2 - 1]
