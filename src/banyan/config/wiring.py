"""Joins ports to adapters: the only place that knows both. Called once per process when Django is ready.

WeChat Pay is wired in when the environment describes a merchant:

    BANYAN_WECHAT_MCHID  BANYAN_WECHAT_APPID  BANYAN_WECHAT_MERCHANT_SERIAL  BANYAN_WECHAT_PUBLIC_KEY_ID
    BANYAN_WECHAT_PRIVATE_KEY_FILE  BANYAN_WECHAT_PUBLIC_KEY_FILE  BANYAN_WECHAT_APIV3_KEY_FILE
    BANYAN_WECHAT_BASE_URL  BANYAN_WECHAT_TRANSFER_SCENE     (these two are optional)

(the three _FILE names hold paths, so that keys stay out of the environment)
or when ``BANYAN_WECHAT_SANDBOX_URL`` names a running simulator, whose keys lie in ``BANYAN_HOME/secrets``.

SF Express is wired in when the environment describes an account:

    BANYAN_SF_PARTNER_ID  BANYAN_SF_MONTHLY_CARD  BANYAN_SF_CHECKWORD_FILE  BANYAN_SF_BASE_URL (optional)

The stock's mirror is wired in when ``REDIS_URL`` names a server and ``BANYAN_STOCK_MIRROR`` is not ``off``.

Photos are kept below ``BANYAN_HOME/media``, or where ``BANYAN_MEDIA_DIR`` says.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from banyan.adapters.file_store import FileStore
from banyan.adapters.law_feed import HttpLawFeed, parse_keys
from banyan.adapters.sf_express import CARRIER, SfExpressCarrier, SfExpressSettings
from banyan.adapters.sf_express.settings import PRODUCTION_URL as SF_PRODUCTION_URL
from banyan.adapters.simulators.wechat_pay import SandboxKeys, load_or_create
from banyan.adapters.valkey_mirror import ValkeyMirror
from banyan.adapters.wechat_pay import CHANNEL, WeChatPaymentChannel, WeChatPayoutChannel, WeChatPaySettings
from banyan.adapters.wechat_pay.settings import PRODUCTION_URL
from banyan.goods.inventory import ports as stock_ports
from banyan.rules.compliance import ports as law_ports
from banyan.trade.fulfillment import ports as carrier_ports
from banyan.trade.returns import ports as return_ports
from banyan.treasury.payments import ports as payment_ports
from banyan.treasury.payouts import ports as payout_ports

_TEXTS = {
    "mchid": "BANYAN_WECHAT_MCHID",
    "appid": "BANYAN_WECHAT_APPID",
    "merchant_serial": "BANYAN_WECHAT_MERCHANT_SERIAL",
    "public_key_id": "BANYAN_WECHAT_PUBLIC_KEY_ID",
}
_FILES = {
    "private_key": "BANYAN_WECHAT_PRIVATE_KEY_FILE",
    "public_key": "BANYAN_WECHAT_PUBLIC_KEY_FILE",
    "apiv3_key": "BANYAN_WECHAT_APIV3_KEY_FILE",
}


_EXPRESS = {
    "partner_id": "BANYAN_SF_PARTNER_ID",
    "monthly_card": "BANYAN_SF_MONTHLY_CARD",
    "checkword": "BANYAN_SF_CHECKWORD_FILE",
}


def register(environment: Mapping[str, str], home: Path) -> tuple[str, ...]:
    """Wire in every channel that the environment describes; returns their names. Raises ImproperlyConfigured, in words
    and without values, when a description is incomplete."""
    return_ports.register_photo_store(FileStore(Path(environment.get("BANYAN_MEDIA_DIR") or home / "media")))
    names: list[str] = []
    register_law_feed(environment)
    settings = wechat_settings(environment, home)
    if settings is not None:
        register_wechat(settings)
        names.append(CHANNEL)
    account = sf_express_settings(environment)
    if account is not None:
        express = SfExpressCarrier(account)
        carrier_ports.register_carrier(CARRIER, lambda tenant_id: express)
        names.append(CARRIER)
    return tuple(names)


def register_law_feed(environment: Mapping[str, str]) -> None:
    """The feed of the law and the keys that its updates are believed by (`adapters/law_feed`)."""
    try:
        law_ports.trust_keys(parse_keys(environment.get("BANYAN_LAW_FEED_KEYS", "")))
    except ValueError as error:
        raise ImproperlyConfigured(f"BANYAN_LAW_FEED_KEYS: {error}") from None
    url = environment.get("BANYAN_LAW_FEED_URL", "")
    law_ports.register_feed((lambda: HttpLawFeed(url)) if url else None)


def register_wechat(settings: WeChatPaySettings) -> None:
    """One merchant serves every tenant of this installation: a notice for one tenant's number is unknown to the others."""
    collecting, transferring = WeChatPaymentChannel(settings), WeChatPayoutChannel(settings)
    payment_ports.register_channel(CHANNEL, lambda tenant_id: collecting)
    payout_ports.register_channel(CHANNEL, lambda tenant_id: transferring)


def wechat_settings(environment: Mapping[str, str], home: Path) -> WeChatPaySettings | None:
    """The merchant that the environment describes, or the sandbox's, or None."""
    names = {**_TEXTS, **_FILES}
    given: dict[str, Any] = {field: environment[name] for field, name in names.items() if environment.get(name)}
    sandbox = environment.get("BANYAN_WECHAT_SANDBOX_URL", "")
    if not given:
        return sandbox_settings(load_or_create(home / "secrets"), sandbox) if sandbox else None
    missing = [name for field, name in names.items() if field not in given]
    if missing:
        raise ImproperlyConfigured(f"WeChat Pay is half configured; set also {', '.join(missing)}")
    for field, name in _FILES.items():
        try:
            given[field] = Path(given[field]).read_text(encoding="utf-8").strip()
        except OSError:
            raise ImproperlyConfigured(f"the file that {name} names cannot be read") from None
    try:
        settings = WeChatPaySettings(**given, base_url=environment.get("BANYAN_WECHAT_BASE_URL") or PRODUCTION_URL)
        scene = environment.get("BANYAN_WECHAT_TRANSFER_SCENE")
        return replace(settings, transfer_scene_id=scene) if scene else settings
    except ValueError as error:
        raise ImproperlyConfigured(f"WeChat Pay: {error}") from None


def sf_express_settings(environment: Mapping[str, str]) -> SfExpressSettings | None:
    """The account that the environment describes, or None. Raises ImproperlyConfigured when it is half described."""
    given: dict[str, Any] = {field: environment[name] for field, name in _EXPRESS.items() if environment.get(name)}
    if not given:
        return None
    missing = [name for field, name in _EXPRESS.items() if field not in given]
    if missing:
        raise ImproperlyConfigured(f"SF Express is half configured; set also {', '.join(missing)}")
    try:
        given["checkword"] = Path(given["checkword"]).read_text(encoding="utf-8").strip()
    except OSError:
        raise ImproperlyConfigured(f"the file that {_EXPRESS['checkword']} names cannot be read") from None
    try:
        return SfExpressSettings(**given, base_url=environment.get("BANYAN_SF_BASE_URL") or SF_PRODUCTION_URL)
    except ValueError as error:
        raise ImproperlyConfigured(f"SF Express: {error}") from None


def sandbox_settings(keys: SandboxKeys, base_url: str) -> WeChatPaySettings:
    """The merchant's side of the sandbox keys."""
    return WeChatPaySettings(
        mchid=keys.mchid,
        appid=keys.appid,
        merchant_serial=keys.merchant_serial,
        private_key=keys.merchant_private_key,
        apiv3_key=keys.apiv3_key,
        public_key_id=keys.public_key_id,
        public_key=keys.platform_public_key,
        base_url=base_url,
    )


def register_from_process() -> tuple[str, ...]:
    """``register`` with this process's environment and home."""
    from django.conf import settings

    from banyan.trade.fulfillment.queries import packed_pieces  # needs models, so not before Django is ready

    stock_ports.register_packing(packed_pieces)
    if settings.REDIS_URL and settings.BANYAN_STOCK_MIRROR:
        stock_ports.register_mirror(ValkeyMirror(settings.REDIS_URL))
    return register(os.environ, settings.HOME)
