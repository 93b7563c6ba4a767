"""Orders and refunds by the platform's rules: idempotent under the merchant's numbers, states as published."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from .protocol import ApiError, digest, rfc3339
from .store import Row
from .world import MERCHANT_NUMBER, REFUND_NUMBER, World, fen, instant, record, text


def place(world: World, trade_type: str, body: dict[str, Any]) -> dict[str, Any]:
    """``POST /v3/pay/transactions/{jsapi|native}``: the same number with the same parameters gives the same prepay id."""
    keys, store = world.platform.keys, world.store
    if body.get("appid") != keys.appid or body.get("mchid") != keys.mchid:
        raise ApiError(400, "APPID_MCHID_NOT_MATCH", "appid和mch_id不匹配")
    number = text(body, "out_trade_no", 32, MERCHANT_NUMBER)
    amount = record(body, "amount")
    total = fen(amount, "total")
    if amount.get("currency", "CNY") != "CNY":
        raise ApiError(400, "PARAM_ERROR", "不支持的币种")
    openid = text(record(body, "payer"), "openid", 128) if trade_type == "JSAPI" else ""
    columns = {
        "description": text(body, "description", 127),
        "attach": text(body, "attach", 128, required=False),
        "notify_url": text(body, "notify_url", 255),
        "openid": openid,
        "total": total,
        "trade_type": trade_type,
    }
    fingerprint = digest(columns)
    order = store.one("SELECT * FROM orders WHERE out_trade_no = ?", number)
    if order:
        if order["digest"] != fingerprint:
            raise ApiError(403, "OUT_TRADE_NO_USED", "商户订单号重复")
        if order["state"] == "CLOSED":
            raise ApiError(400, "ORDER_CLOSED", "订单已关闭")
        if order["state"] != "NOTPAY":
            raise ApiError(400, "INVALID_REQUEST", "该订单已支付")
        return _prepay(order["prepay_id"], trade_type)
    now = world.now_ms()
    expires = now + 2 * 3600 * 1000 if trade_type == "NATIVE" else now + 7 * 24 * 3600 * 1000
    if body.get("time_expire"):
        expires = _expiry(str(body["time_expire"]), now)
    prepay = f"wx{world.now():%d%H%M%S}{store.number('prepay'):024d}"
    store.insert(
        "orders",
        out_trade_no=number,
        digest=fingerprint,
        currency="CNY",
        prepay_id=prepay,
        state="NOTPAY",
        created_ms=now,
        expires_ms=expires,
        **columns,
    )
    if world.habits.pay_at_once:
        pay(world, number)
    return _prepay(prepay, trade_type)


def _prepay(prepay_id: str, trade_type: str) -> dict[str, Any]:
    return {"code_url": f"weixin://wxpay/bizpayurl?pr={prepay_id}"} if trade_type == "NATIVE" else {"prepay_id": prepay_id}


def _expiry(value: str, now: int) -> int:
    try:
        expires = int(datetime.fromisoformat(value).timestamp() * 1000)
    except ValueError:
        raise ApiError(400, "PARAM_ERROR", "time_expire格式错误") from None
    if expires <= now:
        raise ApiError(400, "INVALID_REQUEST", "time_expire时间过短，刷卡至少1分钟，其他5分钟")
    return expires


def _order(world: World, number: str) -> Row:
    order = world.store.one("SELECT * FROM orders WHERE out_trade_no = ?", number)
    if order is None:
        raise ApiError(404, "ORDER_NOT_EXIST", "订单不存在")
    return order


def pay(world: World, number: str, total: int | None = None) -> None:
    """The payer confirms. ``total`` lets a scenario pay another amount than asked, which the real one cannot."""
    order = _order(world, number)
    if order["state"] != "NOTPAY" or order["expires_ms"] <= world.now_ms():
        raise ApiError(400, "ORDER_CLOSED" if order["state"] == "NOTPAY" else "INVALID_REQUEST", "订单不可支付")
    transaction = f"4200{world.now():%Y%m%d}{world.store.number('transaction'):016d}"
    world.store.run(
        "UPDATE orders SET state = 'SUCCESS', transaction_id = ?, paid_ms = ?, total = ? WHERE out_trade_no = ?",
        transaction,
        world.now_ms(),
        order["total"] if total is None else total,
        number,
    )
    paid = _order(world, number)
    world.move(paid["total"], "交易", transaction, number)
    fee = (paid["total"] * world.habits.fee_bp + 5_000) // 10_000
    if fee:
        world.move(-fee, "扣除交易手续费", transaction, number)
    world.notify(paid["notify_url"], "TRANSACTION.SUCCESS", "transaction", number, transaction_view(world, paid))


def import_paid(world: World, number: str, transaction_id: str, total: int, paid_ms: int) -> None:
    """A payment of the past, as the platform would have kept it."""
    inserted = world.store.run(
        "INSERT OR IGNORE INTO orders (out_trade_no, digest, trade_type, description, openid, attach, total, currency,"
        " notify_url, prepay_id, transaction_id, state, created_ms, expires_ms, paid_ms)"
        " VALUES (?, '', 'NATIVE', 'imported', '', '', ?, 'CNY', '', '', ?, 'SUCCESS', ?, ?, ?)",
        number,
        total,
        transaction_id,
        paid_ms,
        paid_ms,
        paid_ms,
    )
    if inserted:
        world.move(total, "交易", transaction_id, number)


def transaction_view(world: World, order: Row) -> dict[str, Any]:
    """The order as queries and callbacks show it."""
    keys = world.platform.keys
    view: dict[str, Any] = {
        "appid": keys.appid,
        "mchid": keys.mchid,
        "out_trade_no": order["out_trade_no"],
        "trade_type": order["trade_type"],
        "trade_state": "REFUND" if order["refunded"] else order["state"],
        "trade_state_desc": "支付成功" if order["paid_ms"] else "订单未支付",
        "attach": order["attach"],
        "amount": {"total": order["total"], "currency": order["currency"]},
    }
    if order["paid_ms"]:
        view["transaction_id"] = order["transaction_id"]
        view["bank_type"] = "OTHERS"
        view["success_time"] = rfc3339(instant(order["paid_ms"]))
        view["payer"] = {"openid": order["openid"] or "o-native-payer"}
        view["amount"] |= {"payer_total": order["total"], "payer_currency": order["currency"]}
    return view


def query(world: World, mchid: str, number: str = "", transaction_id: str = "") -> dict[str, Any]:
    if mchid != world.platform.keys.mchid:
        raise ApiError(400, "MCH_NOT_EXISTS", "商户号不存在")
    if transaction_id:
        order = world.store.one("SELECT * FROM orders WHERE transaction_id = ?", transaction_id)
        if order is None:
            raise ApiError(404, "ORDER_NOT_EXIST", "订单不存在")
        return transaction_view(world, order)
    return transaction_view(world, _order(world, number))


def close(world: World, number: str, body: dict[str, Any]) -> None:
    """Closing again is fine; a paid order cannot be closed."""
    if body.get("mchid") != world.platform.keys.mchid:
        raise ApiError(400, "MCH_NOT_EXISTS", "商户号不存在")
    if _order(world, number)["state"] == "SUCCESS":
        raise ApiError(400, "INVALID_REQUEST", "订单已支付，不能关闭")
    world.store.run("UPDATE orders SET state = 'CLOSED' WHERE out_trade_no = ?", number)


# ── refunds ──────────────────────────────────────────────────────────────────────────────────────────────────────
def refund(world: World, body: dict[str, Any]) -> dict[str, Any]:
    """``POST /v3/refund/domestic/refunds``: one number refunds once however often it is asked."""
    store = world.store
    number = text(body, "out_refund_no", 64, REFUND_NUMBER)
    if body.get("transaction_id"):
        order = store.one("SELECT * FROM orders WHERE transaction_id = ?", str(body["transaction_id"]))
    else:
        order = store.one("SELECT * FROM orders WHERE out_trade_no = ?", text(body, "out_trade_no", 32))
    if order is None or not order["paid_ms"]:
        raise ApiError(404, "RESOURCE_NOT_EXISTS", "订单不存在或未支付")
    amount = record(body, "amount")
    wanted, total = fen(amount, "refund"), fen(amount, "total")
    notify_url = text(body, "notify_url", 255, required=False)
    reason = text(body, "reason", 80, required=False)
    fingerprint = digest({"order": order["out_trade_no"], "refund": wanted, "total": total})
    known = store.one("SELECT * FROM refunds WHERE out_refund_no = ?", number)
    if known:
        if known["digest"] != fingerprint:
            raise ApiError(400, "INVALID_REQUEST", "订单金额或退款金额与之前请求不一致，请核实后再试")
        return refund_view(world, known)
    if total != order["total"]:
        raise ApiError(400, "INVALID_REQUEST", "订单金额与原订单不一致")
    if order["refunded"] + wanted > order["total"]:
        raise ApiError(400, "INVALID_REQUEST", "申请退款金额大于可退金额")
    if wanted > world.balance_minor():
        raise ApiError(403, "NOT_ENOUGH", "商户余额不足")
    now = world.now_ms()
    store.run("UPDATE orders SET refunded = refunded + ? WHERE out_trade_no = ?", wanted, order["out_trade_no"])
    store.insert(
        "refunds",
        out_refund_no=number,
        digest=fingerprint,
        refund_id=f"5030{world.now():%Y%m%d}{store.number('refund'):016d}",
        out_trade_no=order["out_trade_no"],
        amount=wanted,
        reason=reason,
        notify_url=notify_url,
        state="PROCESSING",
        created_ms=now,
        due_ms=now + world.habits.refund_seconds * 1000,
    )
    world.move(-wanted, "退款", order["transaction_id"], number)
    return refund_view(world, _refund(world, number))


def _refund(world: World, number: str) -> Row:
    row = world.store.one("SELECT * FROM refunds WHERE out_refund_no = ?", number)
    if row is None:
        raise ApiError(404, "RESOURCE_NOT_EXISTS", "退款单不存在")
    return row


def query_refund(world: World, number: str) -> dict[str, Any]:
    return refund_view(world, _refund(world, number))


def refund_view(world: World, row: Row, callback: bool = False) -> dict[str, Any]:
    order = _order(world, row["out_trade_no"])
    view: dict[str, Any] = {
        "refund_id": row["refund_id"],
        "out_refund_no": row["out_refund_no"],
        "transaction_id": order["transaction_id"],
        "out_trade_no": row["out_trade_no"],
        "user_received_account": "支付用户零钱",
        "amount": {
            "total": order["total"],
            "refund": row["amount"],
            "payer_total": order["total"],
            "payer_refund": row["amount"],
        },
    }
    if row["completed_ms"] and row["state"] == "SUCCESS":
        view["success_time"] = rfc3339(instant(row["completed_ms"]))
    if callback:
        return view | {"mchid": world.platform.keys.mchid, "refund_status": row["state"]}
    view |= {"channel": "ORIGINAL", "create_time": rfc3339(instant(row["created_ms"])), "status": row["state"]}
    view["amount"] |= {"currency": "CNY", "settlement_total": order["total"], "settlement_refund": row["amount"]}
    view["amount"] |= {"discount_refund": 0}
    return view


def finish_refund(world: World, number: str, state: str = "SUCCESS") -> None:
    """The bank's answer: SUCCESS, ABNORMAL (the payer's account cannot take it) or CLOSED (nothing was refunded)."""
    row = _refund(world, number)
    if row["state"] != "PROCESSING" or state not in ("SUCCESS", "ABNORMAL", "CLOSED"):
        raise ApiError(400, "INVALID_REQUEST", "退款单状态不允许")
    now = world.now_ms()
    world.store.run("UPDATE refunds SET state = ?, completed_ms = ? WHERE out_refund_no = ?", state, now, number)
    if state == "CLOSED":
        world.store.run("UPDATE orders SET refunded = refunded - ? WHERE out_trade_no = ?", row["amount"], row["out_trade_no"])
        world.move(row["amount"], "退款关闭", row["refund_id"], number)
    done = _refund(world, number)
    world.notify(done["notify_url"], f"REFUND.{state}", "refund", number, refund_view(world, done, callback=True))


def finish_due_refunds(world: World) -> int:
    due = world.store.all(
        "SELECT out_refund_no FROM refunds WHERE state = 'PROCESSING' AND due_ms <= ? ORDER BY due_ms", world.now_ms()
    )
    for row in due:
        finish_refund(world, row["out_refund_no"])
    return len(due)
