"""What one merchant needs to talk to WeChat Pay. Keys stay out of every repr, log and exception."""

from __future__ import annotations

from dataclasses import dataclass, fields

PRODUCTION_URL = "https://api.mch.weixin.qq.com"


@dataclass(frozen=True, repr=False)
class WeChatPaySettings:
    """One merchant in public-key mode (what new merchants get; the default of this adapter).

    ``transfer_reports`` are the (type, content) pairs that the transfer scene demands; scene 1005 (commission) wants the
    payee's post and the reason of the pay. Seconds for the time-outs. Only the sandbox has another ``base_url``.
    """

    mchid: str
    appid: str
    merchant_serial: str
    private_key: str
    apiv3_key: str
    public_key_id: str
    public_key: str
    base_url: str = PRODUCTION_URL
    transfer_scene_id: str = "1005"
    transfer_reports: tuple[tuple[str, str], ...] = (("岗位类型", "分销员"), ("报酬说明", "推广佣金"))
    connect_seconds: float = 5.0
    read_seconds: float = 15.0

    def __post_init__(self) -> None:
        missing = [one.name for one in fields(self) if getattr(self, one.name) in ("", None)]
        if missing:
            raise ValueError(f"WeChat Pay settings without {', '.join(missing)}")
        if len(self.apiv3_key.encode()) != 32:
            raise ValueError("the APIv3 key has 32 bytes")
        if not self.public_key_id.startswith("PUB_KEY_ID_"):
            raise ValueError("public_key_id starts with PUB_KEY_ID_ (platform certificates are not used here)")
        if not (self.base_url.startswith("https://") or self.base_url.startswith(("http://127.0.0.1:", "http://localhost:"))):
            raise ValueError("WeChat Pay is spoken to over https (http only with a simulator on this host)")

    def __repr__(self) -> str:
        return f"WeChatPaySettings(mchid={self.mchid!r}, appid={self.appid!r}, base_url={self.base_url!r}, keys hidden)"
