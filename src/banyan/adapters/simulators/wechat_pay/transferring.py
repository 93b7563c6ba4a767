"""Merchant transfers (``mch-transfer``): the payee confirms in WeChat within 24 hours, or the money goes back."""

from __future__ import annotations

import base64
import json
from typing import Any

from .protocol import ApiError, digest, rfc3339
from .store import Row
from .world import BILL_NUMBER, World, fen, instant, text

MINIMUM_MINOR = 10  # 0.1 yuan
NAME_REQUIRED_FROM_MINOR = 200_000
FINAL = ("SUCCESS", "FAIL", "CANCELLED")


def submit(world: World, body: dict[str, Any], serial: str) -> dict[str, Any]:
    """``POST …/transfer-bills``: the same number with the same parameters is the same bill, never a second one."""
    keys, store = world.platform.keys, world.store
    if body.get("appid") != keys.appid:
        raise ApiError(400, "INVALID_REQUEST", "APPID不存在")
    number = text(body, "out_bill_no", 32, BILL_NUMBER)
    amount = fen(body, "transfer_amount")
    if amount < MINIMUM_MINOR:
        raise ApiError(400, "PARAM_ERROR", "转账金额不能小于0.1元")
    columns: dict[str, Any] = {
        "openid": text(body, "openid", 64),
        "amount": amount,
        "scene_id": text(body, "transfer_scene_id", 36),
        "remark": text(body, "transfer_remark", 32),
        "notify_url": text(body, "notify_url", 256, required=False),
    }
    _check_reports(body)
    name = world.platform.decrypt_field(text(body, "user_name", 2048), serial) if body.get("user_name") else ""
    if amount >= NAME_REQUIRED_FROM_MINOR and not name:
        raise ApiError(400, "PARAM_ERROR", "转账金额大于等于2000元时，收款用户姓名必填")
    fingerprint = digest(columns | {"name": name})
    known = store.one("SELECT * FROM transfers WHERE out_bill_no = ?", number)
    if known:
        if known["digest"] != fingerprint:
            raise ApiError(400, "ALREADY_EXISTS", "商户单号已存在，且参数与原单不一致")
        return accepted_view(known)
    if amount > world.balance_minor():
        raise ApiError(403, "NOT_ENOUGH", "商户运营账户资金不足")
    now = world.now_ms()
    bill = f"1330{world.now():%Y%m%d}{store.number('transfer'):020d}"
    expected = world.real_names.get(columns["openid"])
    wrong_name = bool(name and expected and name != expected)
    package = base64.b64encode(json.dumps({"bill": bill, "mchid": keys.mchid}).encode()).decode()
    store.insert(
        "transfers",
        out_bill_no=number,
        digest=fingerprint,
        transfer_bill_no=bill,
        package_info=package,
        state="WAIT_USER_CONFIRM",
        created_ms=now,
        updated_ms=now,
        expires_ms=now + world.habits.confirm_hours * 3_600_000,
        **columns,
    )
    world.move(-amount, "商家转账", bill, number)
    answer = accepted_view(_transfer(world, number))
    if wrong_name:
        _finish(world, _transfer(world, number), "FAIL", "NAME_NOT_CORRECT")
        answer = accepted_view(_transfer(world, number))
    elif world.habits.confirm_at_once:
        confirm(world, number)
    return answer


def _check_reports(body: dict[str, Any]) -> None:
    reports = body.get("transfer_scene_report_infos")
    valid = isinstance(reports, list) and all(
        isinstance(one, dict) and isinstance(one.get("info_type"), str) and one.get("info_content") for one in reports
    )
    if not valid or not reports:
        raise ApiError(400, "PARAM_ERROR", "未传入完整且对应的转账场景报备信息")
    # Scene 1005 (commission and pay) is only accepted with the post and the reason of the pay.
    assert isinstance(reports, list)
    if body["transfer_scene_id"] == "1005" and {one["info_type"] for one in reports} != {"岗位类型", "报酬说明"}:
        raise ApiError(400, "INVALID_REQUEST", "佣金报酬场景需报备岗位类型与报酬说明")


def _transfer(world: World, number: str) -> Row:
    row = world.store.one("SELECT * FROM transfers WHERE out_bill_no = ?", number)
    if row is None:
        raise ApiError(404, "NOT_FOUND", "记录不存在")
    return row


def accepted_view(row: Row) -> dict[str, Any]:
    """The answer to a submission; only here does the package for the payee's confirmation appear."""
    view = {
        "out_bill_no": row["out_bill_no"],
        "transfer_bill_no": row["transfer_bill_no"],
        "create_time": rfc3339(instant(row["created_ms"])),
        "state": row["state"],
    }
    if row["state"] == "WAIT_USER_CONFIRM":
        view["package_info"] = row["package_info"]
    if row["fail_reason"]:
        view["fail_reason"] = row["fail_reason"]
    return view


def query(world: World, number: str = "", bill: str = "") -> dict[str, Any]:
    if bill:
        row = world.store.one("SELECT out_bill_no FROM transfers WHERE transfer_bill_no = ?", bill)
        if row is None:
            raise ApiError(404, "NOT_FOUND", "记录不存在")
        number = row["out_bill_no"]
    row = _transfer(world, number)
    view = {
        "mch_id": world.platform.keys.mchid,
        "appid": world.platform.keys.appid,
        "out_bill_no": row["out_bill_no"],
        "transfer_bill_no": row["transfer_bill_no"],
        "state": row["state"],
        "transfer_amount": row["amount"],
        "transfer_remark": row["remark"],
        "openid": row["openid"],
        "create_time": rfc3339(instant(row["created_ms"])),
        "update_time": rfc3339(instant(row["updated_ms"])),
    }
    if row["fail_reason"]:
        view["fail_reason"] = row["fail_reason"]
    return view


def confirm(world: World, number: str) -> None:
    """The payee takes the money; too late after 24 hours."""
    row = _transfer(world, number)
    if row["state"] != "WAIT_USER_CONFIRM" or row["expires_ms"] <= world.now_ms():
        raise ApiError(400, "INVALID_REQUEST", "当前状态不允许确认收款")
    _finish(world, row, "SUCCESS", "")


def fail(world: World, number: str, reason: str) -> None:
    """The platform refuses after acceptance (risk, account, quota …): the money goes back to the merchant."""
    row = _transfer(world, number)
    if row["state"] in FINAL:
        raise ApiError(400, "INVALID_REQUEST", "转账单已是终态")
    _finish(world, row, "FAIL", reason)


def cancel(world: World, number: str) -> dict[str, Any]:
    """Ask to take it back: CANCELING now, CANCELLED at the platform's next step. Not once the payee has confirmed."""
    row = _transfer(world, number)
    if row["state"] not in ("WAIT_USER_CONFIRM", "CANCELING", "CANCELLED"):
        raise ApiError(400, "INVALID_REQUEST", "当前单据状态不允许撤销")
    if row["state"] == "WAIT_USER_CONFIRM":
        world.store.run("UPDATE transfers SET state = 'CANCELING', updated_ms = ? WHERE out_bill_no = ?", world.now_ms(), number)
        row = _transfer(world, number)
    return {
        "out_bill_no": number,
        "transfer_bill_no": row["transfer_bill_no"],
        "state": row["state"],
        "update_time": rfc3339(instant(row["updated_ms"])),
    }


def finish_due_transfers(world: World) -> int:
    """Expire what nobody confirmed in time and finish what is being canceled."""
    due = world.store.all(
        "SELECT * FROM transfers WHERE state = 'CANCELING' OR (state = 'WAIT_USER_CONFIRM' AND expires_ms <= ?)",
        world.now_ms(),
    )
    for row in due:
        canceled = row["state"] == "CANCELING"
        _finish(world, row, "CANCELLED" if canceled else "FAIL", "" if canceled else "OVERDUE_CLOSE")
    return len(due)


def _finish(world: World, row: Row, state: str, reason: str) -> None:
    number = row["out_bill_no"]
    world.store.run(
        "UPDATE transfers SET state = ?, fail_reason = ?, updated_ms = ? WHERE out_bill_no = ?",
        state,
        reason,
        world.now_ms(),
        number,
    )
    if state != "SUCCESS":
        world.move(row["amount"], "商家转账退回", row["transfer_bill_no"], number)
    done = query(world, number)
    resource: dict[str, Any] = {name: value for name, value in done.items() if name not in ("appid", "transfer_remark")}
    world.notify(row["notify_url"], "MCHTRANSFER.BILL.FINISHED", "mch_payment", number, resource)
