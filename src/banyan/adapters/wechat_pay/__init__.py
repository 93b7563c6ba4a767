"""WeChat Pay API v3 through the library ``wechatpayv3``: collecting, refunds and merchant transfers."""

from .bills import BillKind, WeChatPayBills
from .collecting import CHANNEL, WeChatPaymentChannel
from .settings import WeChatPaySettings
from .transferring import WeChatPayoutChannel

__all__ = ["CHANNEL", "BillKind", "WeChatPayBills", "WeChatPaySettings", "WeChatPaymentChannel", "WeChatPayoutChannel"]
