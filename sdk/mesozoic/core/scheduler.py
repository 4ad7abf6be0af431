"""The core of the scheduler driver: one door for all that happens. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final

from mesos_compat.wire.v1 import mesos_pb2, scheduler_pb2
from mesos_compat.wire.v1.scheduler_pb2 import Call, OfferConstraints
from mesozoic.core import actions, calls, events, notices
from mesozoic.core.actions import Action
from mesozoic.core.calls import AgentId, TaskId
from mesozoic.core.offers import Offers, roles_of
from mesozoic.core.reconcile import Reconciliation
from mesozoic.core.settings import SchedulerSettings
from mesozoic.core.subscription import Phase, Subscription
from mesozoic.core.updates import Seen, Updates, acknowledgement, uuid_of
from mesozoic.errors import CallLost, CallRefused, NotSubscribed

#: The master's words for an id that can never subscribe again (master/master.cpp).
_REMOVED: Final = "Framework has been removed"
#: Answers to calls which say that the master has another subscription of us in mind, or none.
_LOST_TEXTS: Final = ("The stream ID", "Framework cannot be found", "Framework is not subscribed")
#: Of an answer to SUBSCRIBE, these may be another one next time.
_PASSING_STATUSES: Final = (408, 429)
_SILENT: Final = "nothing was heard of the master for too long"

_Event = scheduler_pb2.Event


class SchedulerCore:
    """See the package. ``below(n)`` draws an integer from 0 to n - 1."""

    def __init__(
        self,
        framework: mesos_pb2.FrameworkInfo,
        settings: SchedulerSettings,
        below: Callable[[int], int],
        *,
        offer_constraints: OfferConstraints | None = None,
        suppressed_roles: Iterable[str] = (),
        tasks: Iterable[tuple[TaskId, AgentId | None]] = (),
    ) -> None:
        #: As it is in force; it has its id as soon as that is durable.
        self.framework = mesos_pb2.FrameworkInfo()
        self.framework.CopyFrom(framework)
        self._settings = settings
        self._constraints = offer_constraints
        self._subscription = Subscription(settings, below)
        self._offers = Offers(settings, roles_of(framework), suppressed_roles)
        self._updates = Updates()
        self._reconciliation = Reconciliation(settings)
        for task, agent in tasks:
            known = None if agent is None else calls.text_of(agent)
            self._updates.tasks[calls.text_of(task)] = known
        # Roles suppressed in the last SUBSCRIBE.
        self._subscribed_suppressing: tuple[str, ...] = ()
        # While a new id is being saved: what the master said, first of all SUBSCRIBED.
        self._waiting: list[_Event] = []
        # Whether the author has heard of a subscription.
        self._was_subscribed = False
        # Tokens of calls that are not settled.
        self._tokens: dict[int, None] = {}
        # TEARDOWN is on its way: that the stream ends is its effect.
        self._is_tearing_down = False

    # What is so.

    @property
    def framework_id(self) -> str | None:
        """The framework's id, if it has one that is durable."""
        return self.framework.id.value or None

    @property
    def master(self) -> str | None:
        """Who is tried or subscribed to."""
        return self._subscription.master

    @property
    def is_subscribed(self) -> bool:
        """Whether calls can be made."""
        return self._subscription.phase is Phase.SUBSCRIBED

    @property
    def offers(self) -> Mapping[str, mesos_pb2.Offer]:
        """What is held, by id."""
        return self._offers.offers

    @property
    def tasks(self) -> Mapping[str, str | None]:
        """Agents of the tasks that may still run, by task id."""
        return MappingProxyType(self._updates.tasks)

    def next_due_ms(self) -> int | None:
        """When a Tick is due; None while there is nothing to wait for."""
        due = (
            self._subscription.deadline_ms,
            self._offers.next_due_ms(),
            self._reconciliation.next_due_ms(),
        )
        return min((one for one in due if one is not None), default=None)

    # The door.

    def step(self, event: events.Event, now_ms: int) -> list[Action]:
        """What follows from an event."""
        if self._subscription.phase is Phase.OVER:
            return self._step_when_over(event)
        match event:
            case events.Received() | events.StreamOpened() | events.Heard() | events.StreamLost():
                return self._step_of_stream(event, now_ms)
            case events.CallRequested() | events.CallAnswered() | events.CallBroken():
                return self._step_of_call(event, now_ms)
            case events.Started(framework_id):
                if framework_id is not None:
                    self.framework.id.value = framework_id
                return []
            case events.MasterDetected(master, is_guess):
                return self._master_detected(master, is_guess, now_ms)
            case events.FrameworkIdSaved(framework_id):
                return self._framework_id_saved(framework_id, now_ms)
            case events.OffersShown(offer_ids):
                self._offers.shown(offer_ids)
                return []
            case events.Told(notice):
                return self._told(notice)
            case events.DemandChanged(wants_offers, is_news):
                return self._send_if_subscribed(self._offers.demand(wants_offers, is_news=is_news))
            case events.Tick():
                return self._tick(now_ms)
            case events.Stopped():
                return self._end(CallLost("the driver has stopped"))

    def _step_when_over(self, event: events.Event) -> list[Action]:
        if isinstance(event, events.CallRequested):
            return [actions.Settle(event.token, NotSubscribed("the driver is over"))]
        return []

    def _step_of_stream(
        self,
        event: events.Received | events.StreamOpened | events.Heard | events.StreamLost,
        now_ms: int,
    ) -> list[Action]:
        if not self._subscription.is_current(event.stream):
            return []
        match event:
            case events.StreamOpened() | events.Heard():
                self._subscription.heard(now_ms)
                return []
            case events.Received(event=said):
                self._subscription.heard(now_ms)
                if self._subscription.phase is Phase.SAVING:
                    self._waiting.append(said)
                    return []
                return self._received(said, now_ms)
            case events.StreamLost(_, why, status):
                return self._stream_lost(why, status, now_ms)

    # Masters and streams.

    def _master_detected(self, master: str | None, is_guess: bool, now_ms: int) -> list[Action]:
        subscription = self._subscription
        if master == subscription.master:
            return []
        is_first = subscription.stream == 0
        subscription.master = master
        if not is_guess:
            subscription.begin_anew()
        if subscription.has_stream:
            why = "no master leads" if master is None else "another master leads"
            return self._disconnect(why, now_ms)
        if master is not None and is_first:
            subscription.connect_now(now_ms)
        elif not is_guess or subscription.phase is Phase.IDLE:
            subscription.wait(now_ms)
        return []

    def _tick(self, now_ms: int) -> list[Action]:
        done: list[Action] = []
        if self._subscription.is_due(now_ms):
            if self._subscription.has_stream:
                return self._fail_over(_SILENT, now_ms)
            done.append(self._connect(now_ms))
        done += self._send_if_subscribed(self._offers.expire(now_ms))
        if self.is_subscribed:
            done += self._send(self._reconciliation.due(self._updates.tasks, now_ms))
        return done

    def _connect(self, now_ms: int) -> Action:
        master = self._subscription.master or ""
        self._subscribed_suppressing = self._offers.suppressed_roles
        call = calls.subscribe(self.framework, self._subscribed_suppressing, self._constraints)
        return actions.Connect(self._subscription.connecting(now_ms), master, call)

    def _stream_lost(self, why: str, status: int | None, now_ms: int) -> list[Action]:
        if self._is_tearing_down:
            # The answer comes, or breaks, or the silence is too long.
            return []
        if status is not None and 400 <= status < 500 and status not in _PASSING_STATUSES:
            return [*self._end(NotSubscribed(why)), actions.Fail(why, status)]
        return self._fail_over(why, now_ms)

    def _fail_over(self, why: str, now_ms: int) -> list[Action]:
        """The master is of no use now: look whether there is another one."""
        master = self._subscription.master
        done = self._disconnect(why, now_ms)
        return done if master is None else [*done, actions.MasterFailed(master)]

    def _disconnect(self, why: str, now_ms: int) -> list[Action]:
        """Have done with the stream, and connect again some time."""
        was_subscribed = self.is_subscribed
        done = self._leave(CallLost(why))
        self._subscription.wait(now_ms)
        done.append(
            actions.Tell(notices.Disconnected(why)) if was_subscribed else actions.Note(why)
        )
        return done

    def _leave(self, error: CallLost | NotSubscribed) -> list[Action]:
        done: list[Action] = [actions.Settle(token, error) for token in self._tokens]
        self._tokens.clear()
        self._is_tearing_down = False
        self._waiting.clear()
        self._offers.clear()
        self._reconciliation.disconnected()
        if self._subscription.has_stream:
            done.append(actions.Disconnect(self._subscription.stream))
        return done

    def _end(self, error: CallLost | NotSubscribed) -> list[Action]:
        done = self._leave(error)
        self._subscription.end()
        return done

    # What the master says.

    def _received(self, event: _Event, now_ms: int) -> list[Action]:
        if event.type == _Event.ERROR:
            return self._error(event.error.message)
        if event.type == _Event.SUBSCRIBED:
            return self._subscribed(event, now_ms)
        if not self.is_subscribed:
            return []
        match event.type:
            case _Event.OFFERS:
                self._offers.add(event.offers.offers, now_ms)
                return _tell(notices.OffersReceived(tuple(event.offers.offers)))
            case _Event.RESCIND:
                self._offers.remove([event.rescind.offer_id.value])
                return _tell(notices.OfferRescinded(event.rescind.offer_id))
            case _Event.UPDATE:
                self._updates.status(event.update.status)
                self._reconciliation.answered(event.update.status.task_id.value, now_ms)
                return self._updated(notices.TaskUpdated(event.update.status))
            case _Event.UPDATE_OPERATION_STATUS:
                return self._updated(notices.OperationUpdated(event.update_operation_status.status))
            case _:
                notice = plain_notice(event)
                return [] if notice is None else _tell(notice)

    def _subscribed(self, event: _Event, now_ms: int) -> list[Action]:
        if self._subscription.phase is not Phase.CONNECTING:
            return []
        self._subscription.saving(event.subscribed.heartbeat_interval_seconds, now_ms)
        framework_id = event.subscribed.framework_id.value
        self._waiting = [event]
        if framework_id == self.framework_id and self._was_subscribed:
            return self._framework_id_saved(framework_id, now_ms)
        return [actions.SaveFrameworkId(framework_id)]

    def _framework_id_saved(self, framework_id: str, now_ms: int) -> list[Action]:
        waiting = self._waiting
        if self._subscription.phase is not Phase.SAVING:
            return []
        subscribed = waiting[0].subscribed
        if subscribed.framework_id.value != framework_id:
            # What was saved for a stream that is lost; ours comes.
            return []
        self._waiting = []
        self.framework.id.value = framework_id
        interval_ms = self._subscription.subscribed(now_ms)
        kind = notices.Resubscribed if self._was_subscribed else notices.Subscribed
        self._was_subscribed = True
        done = _tell(kind(framework_id, subscribed.master_info, interval_ms))
        done += self._send(self._offers.difference(self._subscribed_suppressing))
        done += self._send(self._reconciliation.subscribed(self._updates.tasks, now_ms))
        for event in waiting[1:]:
            done += self._received(event, now_ms)
        return done

    def _error(self, message: str) -> list[Action]:
        done = self._end(NotSubscribed(message))
        if message == _REMOVED:
            done.append(actions.ForgetFrameworkId())
        return [*done, actions.Tell(notices.ErrorReported(message)), actions.Fail(message)]

    # Updates.

    def _updated(self, notice: notices.TaskUpdated | notices.OperationUpdated) -> list[Action]:
        match self._updates.seen(uuid_of(notice.status)):
            case Seen.NEW:
                return _tell(notice)
            case Seen.ACKNOWLEDGED:
                return self._send([acknowledgement(notice.status)])
            case Seen.OPEN:
                return []

    def _told(self, notice: notices.Notice) -> list[Action]:
        if isinstance(notice, notices.OffersReceived):
            self._offers.told([offer.id.value for offer in notice.offers])
        if not self._settings.acknowledges:
            return []
        if not isinstance(notice, notices.TaskUpdated | notices.OperationUpdated):
            return []
        if not self._updates.acknowledge(uuid_of(notice.status)):
            return []
        return self._send_if_subscribed([acknowledgement(notice.status)])

    # Calls.

    def _send(self, made: Iterable[Call]) -> list[Action]:
        stream = self._subscription.stream
        done: list[Action] = []
        for call in made:
            call.framework_id.CopyFrom(self.framework.id)
            done.append(actions.Send(stream, None, call))
        return done

    def _send_if_subscribed(self, made: list[Call]) -> list[Action]:
        """What does not go out now is made up for by the next subscription."""
        return self._send(made) if self.is_subscribed else []

    def _step_of_call(
        self,
        event: events.CallRequested | events.CallAnswered | events.CallBroken,
        now_ms: int,
    ) -> list[Action]:
        if isinstance(event, events.CallRequested):
            return self._call_requested(event)
        if not self._subscription.is_current(event.stream):
            return []
        if isinstance(event, events.CallBroken):
            # Whether it has arrived nobody knows, nor what came behind it.
            return self._fail_over(event.why, now_ms)
        return self._call_answered(event, now_ms)

    def _call_requested(self, event: events.CallRequested) -> list[Action]:
        uuid = event.call.acknowledge.uuid or event.call.acknowledge_operation_status.uuid
        if uuid and (not self._updates.acknowledge(uuid) or not self.is_subscribed):
            # It is acknowledged, or will be when it comes again.
            return [actions.Settle(event.token)]
        if not self.is_subscribed:
            return [actions.Settle(event.token, NotSubscribed("there is no subscription now"))]
        call = Call()
        call.CopyFrom(event.call)
        call.framework_id.CopyFrom(self.framework.id)
        if call.type == Call.ACCEPT:
            self._updates.launched(call)
        elif call.type == Call.UPDATE_FRAMEWORK:
            call.update_framework.framework_info.id.CopyFrom(self.framework.id)
        elif call.type == Call.TEARDOWN:
            self._is_tearing_down = True
        self._offers.asked(call)
        self._tokens[event.token] = None
        return [actions.Send(self._subscription.stream, event.token, call)]

    def _call_answered(self, event: events.CallAnswered, now_ms: int) -> list[Action]:
        kind = Call.Type.Name(event.call.type)
        if 200 <= event.status < 300:
            done: list[Action] = []
            if event.token is not None and self._tokens.pop(event.token, 0) is None:
                done.append(actions.Settle(event.token))
            if event.call.type == Call.UPDATE_FRAMEWORK:
                self._framework_updated(event.call.update_framework)
            if event.call.type == Call.TEARDOWN:
                ended = self._end(NotSubscribed("the framework was torn down"))
                done += [*ended, actions.ForgetFrameworkId(), actions.End()]
            return done
        why = f"{kind} was refused: {event.status} {event.text}"
        if event.status in (307, 503) or event.text.startswith(_LOST_TEXTS):
            return self._fail_over(why, now_ms)
        if event.call.type == Call.TEARDOWN:
            self._is_tearing_down = False
        if event.token is None:
            return [actions.Note(why)]
        if self._tokens.pop(event.token, 0) is not None:
            return []
        return [actions.Settle(event.token, CallRefused(event.status, event.text))]

    def _framework_updated(self, update: Call.UpdateFramework) -> None:
        self.framework.CopyFrom(update.framework_info)
        constrained = update.HasField("offer_constraints")
        self._constraints = update.offer_constraints if constrained else None
        self._offers.framework_updated(roles_of(self.framework), update.suppressed_roles)


def _tell(notice: notices.Notice) -> list[Action]:
    return [actions.Tell(notice)]


def plain_notice(event: _Event) -> notices.Notice | None:
    """What an event means that changes nothing here; None if it means nothing to anybody."""
    match event.type:
        case _Event.HEARTBEAT:
            return notices.Heartbeat()
        case _Event.INVERSE_OFFERS:
            return notices.InverseOffersReceived(tuple(event.inverse_offers.inverse_offers))
        case _Event.RESCIND_INVERSE_OFFER:
            return notices.InverseOfferRescinded(event.rescind_inverse_offer.inverse_offer_id)
        case _Event.MESSAGE:
            said = event.message
            return notices.MessageReceived(said.agent_id, said.executor_id, said.data)
        case _Event.FAILURE:
            failure = event.failure
            if not failure.HasField("executor_id"):
                return notices.AgentLost(failure.agent_id)
            status = failure.status if failure.HasField("status") else -1
            return notices.ExecutorExited(failure.agent_id, failure.executor_id, status)
        case _:
            # A type of a later version of Mesos.
            return None
