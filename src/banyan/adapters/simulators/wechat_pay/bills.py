"""The daily files in the platform's CSV shape: every field behind a backtick, amounts in yuan, a summary at the end."""

from __future__ import annotations

import gzip
import hashlib
from datetime import date, datetime, time, timedelta
from typing import Any

from .protocol import BEIJING, ApiError
from .world import World, instant

TRADE_COLUMNS = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额,"
    "微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注"
)
TRADE_SUMMARY = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
FLOW_COLUMNS = (
    "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,"
    "收支金额（元）,账户结余（元）,资金变更提交申请人,备注,业务凭证号"
)
FLOW_SUMMARY = "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额"


def _yuan(minor: int) -> str:
    sign = "-" if minor < 0 else ""
    return f"{sign}{abs(minor) // 100}.{abs(minor) % 100:02d}"


def _when(milliseconds: int) -> str:
    return instant(milliseconds).astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")


def _line(*fields: object) -> str:
    # A comma or line break inside a text would break the shape, so the platform's files hold none.
    return ",".join("`" + str(field).replace(",", "，").replace("\r", " ").replace("\n", " ") for field in fields)


def _day(world: World, text: str) -> tuple[int, int]:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ApiError(400, "PARAM_ERROR", "bill_date格式错误") from None
    start = datetime.combine(day, time(), BEIJING)
    if start + timedelta(days=1) > world.now():
        raise ApiError(400, "NO_STATEMENT_EXIST", "账单文件不存在")
    begin = int(start.timestamp() * 1000)
    return begin, begin + 86_400_000


def trade_bill(world: World, day: str, kind: str = "ALL") -> str:
    """Payments by the moment they succeeded and refunds by the moment they were accepted, Beijing days."""
    begin, end = _day(world, day)
    keys, fee_bp = world.platform.keys, world.habits.fee_bp
    lines: list[tuple[int, str]] = []
    paid_sum = refund_sum = fee_sum = 0
    rate = f"{fee_bp / 100:.2f}%"
    if kind in ("ALL", "SUCCESS"):
        for order in world.store.all("SELECT * FROM orders WHERE paid_ms >= ? AND paid_ms < ?", begin, end):
            fee = (order["total"] * fee_bp + 5_000) // 10_000
            paid_sum, fee_sum = paid_sum + order["total"], fee_sum + fee
            fields: list[object] = [_when(order["paid_ms"]), keys.appid, keys.mchid, "0", "", order["transaction_id"]]
            fields += [order["out_trade_no"], order["openid"], order["trade_type"], "SUCCESS", "OTHERS", "CNY"]
            fields += [_yuan(order["total"]), "0.00", "0", "0", "0.00", "0.00", "", "", order["description"], order["attach"]]
            fields += [f"{fee / 100:.5f}", rate, _yuan(order["total"]), "0.00", ""]
            lines.append((order["paid_ms"], _line(*fields)))
    if kind in ("ALL", "REFUND"):
        sql = (
            "SELECT r.*, o.transaction_id, o.openid, o.trade_type, o.description, o.attach FROM refunds r "
            "JOIN orders o USING (out_trade_no) WHERE r.created_ms >= ? AND r.created_ms < ?"
        )
        for row in world.store.all(sql, begin, end):
            fee = (row["amount"] * fee_bp + 5_000) // 10_000
            refund_sum, fee_sum = refund_sum + row["amount"], fee_sum - fee
            fields = [_when(row["created_ms"]), keys.appid, keys.mchid, "0", "", row["transaction_id"], row["out_trade_no"]]
            fields += [row["openid"], row["trade_type"], "REFUND", "OTHERS", "CNY", "0.00", "0.00", row["refund_id"]]
            fields += [row["out_refund_no"], _yuan(row["amount"]), "0.00", "ORIGINAL", row["state"], row["description"]]
            fields += [row["attach"], f"-{fee / 100:.5f}", rate, "0.00", _yuan(row["amount"]), ""]
            lines.append((row["created_ms"], _line(*fields)))
    lines.sort(key=lambda pair: pair[0])
    total = _line(
        len(lines), _yuan(paid_sum), _yuan(refund_sum), "0.00", f"{fee_sum / 100:.5f}", _yuan(paid_sum), _yuan(refund_sum)
    )
    return "\r\n".join(["\ufeff" + TRADE_COLUMNS, *(line for _, line in lines), TRADE_SUMMARY, total, ""])


def fundflow_bill(world: World, day: str) -> str:
    """Every movement of the merchant's account on a Beijing day, with the balance after it."""
    begin, end = _day(world, day)
    rows = world.store.all("SELECT * FROM flows WHERE at_ms >= ? AND at_ms < ? ORDER BY id", begin, end)
    lines = []
    for row in rows:
        fields: list[object] = [_when(row["at_ms"]), row["reference"], f"F{row['id']:020d}", row["kind"], row["kind"]]
        fields += ["收入" if row["amount"] > 0 else "支出", _yuan(abs(row["amount"])), _yuan(row["balance"]), "system", ""]
        lines.append(_line(*fields, row["voucher"]))
    gained = [row["amount"] for row in rows if row["amount"] > 0]
    spent = [-row["amount"] for row in rows if row["amount"] < 0]
    total = _line(len(rows), len(gained), _yuan(sum(gained)), len(spent), _yuan(sum(spent)))
    return "\r\n".join(["\ufeff" + FLOW_COLUMNS, *lines, FLOW_SUMMARY, total, ""])


def offer(base_url: str, kind: str, query: dict[str, str], content: str) -> dict[str, Any]:
    """The answer to a request for a bill: where to fetch it and the digest of what will be inside."""
    token = f"{kind}.{query['bill_date']}.{query.get('bill_type', 'ALL')}.{query.get('tar_type', 'PLAIN')}"
    return {
        "hash_type": "SHA1",
        "hash_value": hashlib.sha1(content.encode(), usedforsecurity=False).hexdigest(),
        "download_url": f"{base_url}/v3/billdownload/file?token={token}",
    }


def download(world: World, token: str) -> bytes:
    parts = token.split(".")
    if len(parts) != 4 or parts[0] not in ("trade", "fundflow"):
        raise ApiError(400, "PARAM_ERROR", "token无效")
    kind, day, bill_type, packing = parts
    content = trade_bill(world, day, bill_type) if kind == "trade" else fundflow_bill(world, day)
    return gzip.compress(content.encode(), mtime=0) if packing == "GZIP" else content.encode()
