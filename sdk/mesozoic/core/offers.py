"""Which offers are held, and whether any are wanted. Pure.

What others could use must not lie here: an offer that was neither used nor declined within
``offer_hold_ms`` is declined, with a long filter if the author has seen it, since then nobody
wanted it, and with Mesos's short one if he has not. While no offers are wanted all roles are
suppressed, and what still comes is declined; when they are wanted again they are revived, which
also clears the long filters. An offer is shown once: if there is new work after the author has
passed it over, it is given back without a filter, and comes anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from mesos_compat.wire.v1 import mesos_pb2
from mesos_compat.wire.v1.scheduler_pb2 import Call
from mesozoic.core import calls
from mesozoic.core.settings import SchedulerSettings


@dataclass(slots=True)
class _Held:
    offer: mesos_pb2.Offer
    due_ms: int
    is_shown: bool = False
    # The author has done with it: what he has not used he does not want.
    is_told: bool = False
    # How much news of work there had been when it was shown.
    news: int = 0


def roles_of(framework: mesos_pb2.FrameworkInfo) -> tuple[str, ...]:
    """The roles for which a framework gets offers."""
    capability = mesos_pb2.FrameworkInfo.Capability
    if any(one.type == capability.MULTI_ROLE for one in framework.capabilities):
        return tuple(framework.roles)
    return (framework.role or "*",)


class Offers:
    """See the module. Calls that are to be made are given back; the caller sends them."""

    __slots__ = (
        *("_has_filters", "_held", "_is_idle", "_news", "_roles", "_settings", "_suppressed"),
        "view",
    )

    def __init__(
        self, settings: SchedulerSettings, roles: Iterable[str], suppressed_roles: Iterable[str]
    ) -> None:
        self._settings = settings
        self._roles = tuple(roles)
        # What the author has suppressed himself, in order.
        self._suppressed: dict[str, None] = dict.fromkeys(suppressed_roles)
        # Whether all is suppressed because there is no work.
        self._is_idle = False
        # By id, the oldest first: all are held equally long.
        self._held: dict[str, _Held] = {}
        # The same for the author; kept in step with _held.
        self.view: dict[str, mesos_pb2.Offer] = {}
        # Whether something was declined since offers were last revived.
        self._has_filters = False
        # How often there was news of work.
        self._news = 0

    @property
    def offers(self) -> Mapping[str, mesos_pb2.Offer]:
        """What is held, by id."""
        return MappingProxyType(self.view)

    @property
    def suppressed_roles(self) -> tuple[str, ...]:
        """For SUBSCRIBE: roles for which there are to be no offers."""
        if self._is_idle:
            return self._roles
        return tuple(role for role in self._suppressed if role in self._roles)

    def next_due_ms(self) -> int | None:
        """When :meth:`expire` has something to do."""
        return next((held.due_ms for held in self._held.values()), None)

    # What comes, and goes.

    def add(self, offers: Iterable[mesos_pb2.Offer], now_ms: int) -> None:
        """These have come."""
        for offer in offers:
            self._held[offer.id.value] = _Held(offer, now_ms + self._settings.offer_hold_ms)
            self.view[offer.id.value] = offer

    def remove(self, offer_ids: Iterable[str]) -> None:
        """These are used, declined or rescinded; unknown ones do not matter."""
        for offer_id in offer_ids:
            self._held.pop(offer_id, None)
            self.view.pop(offer_id, None)

    def clear(self) -> None:
        """There is no subscription: all offers are void, and the master forgets our filters."""
        self._held.clear()
        self.view.clear()
        self._has_filters = False

    def shown(self, offer_ids: Iterable[str]) -> None:
        """The author sees these."""
        for offer_id in offer_ids:
            held = self._held.get(offer_id)
            if held is not None:
                held.is_shown = True
                held.news = self._news

    def told(self, offer_ids: Iterable[str]) -> None:
        """The author has seen these, and has done what he wants to do with them."""
        for offer_id in offer_ids:
            held = self._held.get(offer_id)
            if held is not None:
                held.is_told = held.is_shown

    def expire(self, now_ms: int) -> list[Call]:
        """Decline what was held for long enough."""
        expired = []
        for held in self._held.values():
            if held.due_ms > now_ms:
                break
            expired.append(held)
        return self._decline(expired)

    def _decline(self, declined: list[_Held]) -> list[Call]:
        self.remove([held.offer.id.value for held in declined])
        made = []
        unwanted = [held.offer.id for held in declined if held.is_shown]
        unseen = [held.offer.id for held in declined if not held.is_shown]
        if unwanted:
            self._has_filters = True
            made.append(calls.decline(unwanted, self._settings.refuse_seconds))
        if unseen:
            made.append(calls.decline(unseen))
        return made

    # What is wanted.

    def demand(self, wants_offers: bool, *, is_news: bool) -> list[Call]:
        """Whether there is work for offers; news of work revives what was declined before."""
        asked = self._not_suppressed()
        was_idle, self._is_idle = self._is_idle, not wants_offers
        if not wants_offers:
            suppressed = [calls.suppress(asked)] if asked and not was_idle else []
            # Offers that were on their way come all the same. What he looks at is his until then.
            held = [one for one in self._held.values() if one.is_told or not one.is_shown]
            return suppressed + self._decline(held)
        self._news += is_news
        returned = self._return_passed_over()
        if not asked or not (was_idle or returned or (is_news and self._has_filters)):
            return returned
        self._has_filters = False
        return [*returned, calls.revive(asked)]

    def _return_passed_over(self) -> list[Call]:
        """Offers that the author has not used may be of use for what he has heard of since."""
        passed = [
            held.offer.id.value
            for held in self._held.values()
            if held.is_told and held.news < self._news
        ]
        self.remove(passed)
        return [calls.decline(passed, 0.0)] if passed else []

    def _not_suppressed(self) -> tuple[str, ...]:
        return tuple(role for role in self._roles if role not in self._suppressed)

    def difference(self, subscribed_with: Iterable[str]) -> list[Call]:
        """What has changed while SUBSCRIBE with these suppressed roles was on its way."""
        before, now = tuple(subscribed_with), self.suppressed_roles
        more = tuple(role for role in now if role not in before)
        fewer = tuple(role for role in before if role not in now and role in self._roles)
        made = [calls.suppress(more)] if more else []
        return made + ([calls.revive(fewer)] if fewer else [])

    # The author's own calls.

    def asked(self, call: Call) -> None:
        """The author makes a call; what it means for offers is noted."""
        match call.type:
            case Call.ACCEPT:
                self.remove(one.value for one in call.accept.offer_ids)
                # What was not used of them is declined, for 5 s if nothing is said.
                self._has_filters |= call.accept.filters.refuse_seconds > 0
            case Call.DECLINE:
                self.remove(one.value for one in call.decline.offer_ids)
                self._has_filters = True
            case Call.SUPPRESS:
                self._suppressed |= dict.fromkeys(call.suppress.roles or self._roles)
            case Call.REVIVE:
                for role in tuple(call.revive.roles or self._roles):
                    self._suppressed.pop(role, None)
                self._is_idle = self._has_filters = False

    def framework_updated(self, roles: Iterable[str], suppressed_roles: Iterable[str]) -> None:
        """UPDATE_FRAMEWORK was obeyed."""
        self._roles = tuple(roles)
        self._suppressed = dict.fromkeys(suppressed_roles)
        self._is_idle = False
