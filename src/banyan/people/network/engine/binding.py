"""Which distributor a consumer belongs to after a touch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from banyan.kernel.values.errors import Conflict, Forbidden, Invalid, NotFound, Refusal
from banyan.kernel.values.filled import Filled
from banyan.people.distributors.types import Standing, Status
from banyan.people.network.types import BindingMode, BindingSettings, BindRequest, BindResult, BindSource


class SelfBinding(Invalid):
    """A distributor tried to become the own consumer."""

    code = "self_binding"
    advice = "Whether own purchases earn is decided by the commission plan, not by a binding."


class UnknownConsumer(NotFound):
    """No such active user."""

    code = "unknown_consumer"
    advice = "Register the consumer first."


class UnknownDistributor(NotFound):
    """No such distributor at that time."""

    code = "unknown_distributor"
    advice = "Check the distributor or the referral code."


class DistributorNotActive(Conflict):
    """Only active distributors win consumers."""

    code = "distributor_not_active"
    advice = "The status is in details.status; a frozen distributor binds again once unfrozen."


class Protected(Conflict):
    """The consumer belongs to another distributor and is protected."""

    code = "consumer_protected"
    advice = "The binding can be replaced after details.until; without that moment it is protected until unbound."


class OnlyAtSignUp(Forbidden):
    """This shop binds consumers at sign-up only."""

    code = "only_at_sign_up"
    advice = "Only somebody who signs up and was never bound before can be bound."


class TouchOutOfOrder(Conflict):
    """The touch is older than what is known about this consumer."""

    code = "touch_out_of_order"
    advice = "A touch must be later than details.since; older ones lost their turn."


@dataclass(frozen=True)
class Held:
    """The newest binding of a consumer, still open (``valid_to`` None) or ended."""

    distributor_id: int
    valid_from: datetime
    valid_to: datetime | None
    expires_at: datetime | None

    @property
    def ends_at(self) -> datetime | None:
        """When it ended or will end by itself; None while it is open-ended."""
        ends = [moment for moment in (self.valid_to, self.expires_at) if moment is not None]
        return min(ends) if ends else None

    def live(self, at: datetime) -> bool:
        """Whether it holds at ``at``."""
        return self.valid_from <= at and (self.ends_at is None or at < self.ends_at)


@dataclass(frozen=True)
class Decision:
    """What to write: ``close`` ends the held binding at that moment, ``opened`` is the new one, ``renewed`` the longer one."""

    result: BindResult
    refusal: Refusal | None = None
    close_at: datetime | None = None
    close_reason: str = ""
    opened: Held | None = None
    renewed: Held | None = None


def decide(
    settings: BindingSettings,
    request: BindRequest,
    held: Held | None,
    standing: Standing | None,
    consumer_distributor_id: int | None,
    consumer_known: bool,
) -> Decision:
    """Decide one touch. ``held`` is the consumer's newest binding; ``standing`` is the distributor's at ``request.at``."""
    refusal = _refusal(request, standing, consumer_distributor_id, consumer_known)
    if refusal is not None:
        return Decision(BindResult.REFUSED, refusal)
    expires_at = request.at + timedelta(days=settings.validity_days) if settings.validity_days is not None else None
    opened = Held(request.distributor_id, request.at, None, expires_at)
    if held is None:
        return _first(settings, request, opened)
    if request.at < held.valid_from or (held.valid_to is not None and request.at < held.valid_to):
        since = max(held.valid_from, held.valid_to or held.valid_from)
        return Decision(BindResult.REFUSED, TouchOutOfOrder("This touch came too late.", since=since.isoformat()))
    if held.live(request.at):
        return _against_live(settings, request, held, opened)
    if settings.mode is BindingMode.SIGN_UP:
        return Decision(BindResult.REFUSED, OnlyAtSignUp("This consumer was bound before."))
    if held.valid_to is not None:
        return Decision(BindResult.BOUND, opened=opened)
    return Decision(BindResult.BOUND, close_at=held.ends_at, close_reason="expired", opened=opened)


def _refusal(
    request: BindRequest, standing: Standing | None, consumer_distributor_id: int | None, consumer_known: bool
) -> Refusal | None:
    if not consumer_known:
        return UnknownConsumer("No such active user.")
    if consumer_distributor_id is not None and consumer_distributor_id == request.distributor_id:
        return SelfBinding("A distributor cannot be bound to himself.")
    if standing is None:
        return UnknownDistributor("No such distributor.")
    if standing.status is not Status.ACTIVE:
        said = Filled("The distributor is {status}.", status=standing.status)
        return DistributorNotActive(said, status=standing.status.value)
    return None


def _first(settings: BindingSettings, request: BindRequest, opened: Held) -> Decision:
    if settings.mode is BindingMode.SIGN_UP and request.source is not BindSource.SIGN_UP:
        return Decision(BindResult.REFUSED, OnlyAtSignUp("This shop binds at sign-up only."))
    return Decision(BindResult.BOUND, opened=opened)


def _against_live(settings: BindingSettings, request: BindRequest, held: Held, opened: Held) -> Decision:
    if held.distributor_id == request.distributor_id:
        if held.expires_at is None or opened.expires_at is None or opened.expires_at <= held.expires_at:
            return Decision(BindResult.KEPT)
        return Decision(BindResult.RENEWED, renewed=replace(held, expires_at=opened.expires_at))
    if settings.mode is BindingMode.SIGN_UP:
        return Decision(BindResult.REFUSED, OnlyAtSignUp("This consumer is bound already."))
    if settings.mode is BindingMode.FIRST_TOUCH:
        if settings.protect_days is None:
            return Decision(BindResult.REFUSED, Protected("The first distributor keeps this consumer."))
        until = held.valid_from + timedelta(days=settings.protect_days)
        if request.at < until:
            return Decision(BindResult.REFUSED, Protected("The consumer is protected.", until=until.isoformat()))
    if request.at == held.valid_from:
        since = request.at.isoformat()
        return Decision(BindResult.REFUSED, TouchOutOfOrder("At the same moment the first touch counts.", since=since))
    return Decision(BindResult.BOUND, close_at=request.at, close_reason="overridden", opened=opened)
