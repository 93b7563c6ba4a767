"""The payout channel: merchant transfers that the payee confirms in WeChat within 24 hours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from banyan.treasury.payments.types import ChannelError, ChannelUnknown
from banyan.treasury.payouts.types import ChannelPayout, ChannelPayoutState, PayoutNotice, PayoutOrder

from . import notices
from .answers import call, fen, instant, text
from .client import Client
from .collecting import CHANNEL, CURRENCY, only_yuan
from .settings import WeChatPaySettings

NAME_REQUIRED_FROM_MINOR = 200_000
MINIMUM_MINOR = 10
_STATES = {
    "ACCEPTED": ChannelPayoutState.PROCESSING,
    "PROCESSING": ChannelPayoutState.PROCESSING,
    "TRANSFERING": ChannelPayoutState.PROCESSING,  # the platform's spelling
    "TRANSFERRING": ChannelPayoutState.PROCESSING,
    "CANCELING": ChannelPayoutState.PROCESSING,
    "WAIT_USER_CONFIRM": ChannelPayoutState.AWAITING_CONFIRMATION,
    "SUCCESS": ChannelPayoutState.COMPLETED,
    "FAIL": ChannelPayoutState.FAILED,
    "CANCELLED": ChannelPayoutState.CANCELLED,
}
OVERDUE = "OVERDUE_CLOSE"  # FAIL with this reason: nobody confirmed in time


def _state(word: str, reason: str) -> ChannelPayoutState:
    state = _STATES.get(word)
    if state is None:
        raise ChannelUnknown("WeChat Pay answered with an unknown transfer state")
    return ChannelPayoutState.EXPIRED if state is ChannelPayoutState.FAILED and reason == OVERDUE else state


def _reason(body: dict[str, Any]) -> str:
    """The platform's code for a failure; anything that is not code-shaped stays out of our tables."""
    value = body.get("fail_reason")
    return value if isinstance(value, str) and value.replace("_", "").isalnum() and len(value) <= 64 else ""


class WeChatPayoutChannel:
    """``PayoutChannel`` over ``mch_transfer_bills``. Safe to use from several threads."""

    def __init__(self, settings: WeChatPaySettings, client: Client | None = None) -> None:
        self._client = client or Client(settings)
        self._settings = settings

    def submit(self, order: PayoutOrder) -> ChannelPayout:
        """The same number with the same parameters is the same bill, and gives the confirmation package again."""
        only_yuan(order.currency)
        # The library drops the name in silence below 0.3 yuan and raises a bare Exception from 2,000 yuan without one.
        if order.amount_minor >= NAME_REQUIRED_FROM_MINOR and not order.account_name:
            raise ChannelError("WeChat Pay wants the payee's name from 2,000 yuan", permanent=True, code="name_required")
        if order.amount_minor < MINIMUM_MINOR:
            raise ChannelError("WeChat Pay transfers 0.1 yuan or more", permanent=True, code="amount_too_small")
        if not order.account:
            raise ChannelError("WeChat Pay transfers to an openid", permanent=True, code="account_required")
        body = call(
            "submit",
            lambda: self._client.mch_transfer_bills(
                out_bill_no=order.out_bill_no,
                transfer_scene_id=self._settings.transfer_scene_id,
                openid=order.account,
                transfer_amount=order.amount_minor,
                transfer_remark=order.description[:32] or "佣金",
                user_name=order.account_name or None,
                transfer_scene_report_infos=[
                    {"info_type": kind, "info_content": content} for kind, content in self._settings.transfer_reports
                ],
                notify_url=order.notify_url or None,
            ),
        )
        assert body is not None
        return self._read(order.out_bill_no, body, order.amount_minor, "create_time")

    def query(self, out_bill_no: str) -> ChannelPayout:
        body = call("query", lambda: self._client.mch_transfer_bills_query(out_bill_no=out_bill_no), nothing_there=True)
        if body is None:
            return ChannelPayout(out_bill_no, ChannelPayoutState.NOT_FOUND)
        if body.get("mch_id") != self._settings.mchid:
            raise ChannelUnknown("WeChat Pay answered for another merchant")
        return self._read(out_bill_no, body, fen(body, "transfer_amount"), "update_time")

    def cancel(self, out_bill_no: str) -> ChannelPayout:
        """Ask first, look after: the platform only accepts the wish, and a payee may have confirmed meanwhile."""
        try:
            call("cancel", lambda: self._client.mch_transfer_bills_cancel(out_bill_no), nothing_there=True)
        except ChannelError as refusal:
            if not refusal.permanent:
                raise
        return self.query(out_bill_no)

    def _read(self, out_bill_no: str, body: dict[str, Any], amount_minor: int, time_field: str) -> ChannelPayout:
        if body.get("out_bill_no") != out_bill_no:
            raise ChannelUnknown("WeChat Pay answered about another transfer")
        reason = _reason(body)
        state = _state(text(body, "state"), reason)
        package = body.get("package_info")
        return ChannelPayout(
            out_bill_no,
            state,
            reference=text(body, "transfer_bill_no"),
            amount_minor=amount_minor,
            confirm_package=package if isinstance(package, str) and package else None,
            failure_code=reason,
            failure=reason.lower().replace("_", " "),
            updated_at=instant(body, time_field),
        )

    def parse_notice(self, headers: Mapping[str, str], body: bytes) -> PayoutNotice:
        event_type, resource = notices.open_notice(self._client, headers, body)
        notices.check_merchant(self._client, resource, "mch_id")
        if event_type != "MCHTRANSFER.BILL.FINISHED":
            raise notices.malformed("transfer notice")
        try:
            reason = _reason(resource)
            return PayoutNotice(
                channel=CHANNEL,
                out_bill_no=text(resource, "out_bill_no"),
                state=_state(text(resource, "state"), reason),
                reference=text(resource, "transfer_bill_no"),
                amount_minor=fen(resource, "transfer_amount"),
                currency=CURRENCY,
                occurred_at=instant(resource, "update_time"),
                failure_code=reason,
                failure=reason.lower().replace("_", " "),
            )
        except ChannelUnknown as error:
            raise notices.unreadable(error) from None
