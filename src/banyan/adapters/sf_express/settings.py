"""What one account needs to talk to SF Express. The checkword stays out of every repr, log and exception."""

from __future__ import annotations

from dataclasses import dataclass, fields

PRODUCTION_URL = "https://sfapi.sf-express.com"


@dataclass(frozen=True, repr=False)
class SfExpressSettings:
    """One customer code with its check word and monthly account (月结卡号). Seconds for the time-outs."""

    partner_id: str
    checkword: str
    monthly_card: str
    base_url: str = PRODUCTION_URL
    connect_seconds: float = 5.0
    read_seconds: float = 15.0

    def __post_init__(self) -> None:
        missing = [one.name for one in fields(self) if getattr(self, one.name) in ("", None)]
        if missing:
            raise ValueError(f"SF Express settings without {', '.join(missing)}")
        if not self.base_url.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
            raise ValueError("SF Express is spoken to over https (http only with a simulator on this host)")

    def __repr__(self) -> str:
        return f"SfExpressSettings(partner_id={self.partner_id!r}, base_url={self.base_url!r}, check word hidden)"
