"""Wiring: a complete description is wired in, half of one is refused in words, none is nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from banyan.adapters.simulators.wechat_pay import SandboxKeys, generate
from banyan.config import wiring
from banyan.trade.fulfillment import ports as carrier_ports
from banyan.treasury.payments import ports as payment_ports
from banyan.treasury.payouts import ports as payout_ports


@pytest.fixture(scope="module")
def keys() -> SandboxKeys:
    return generate()


@pytest.fixture(autouse=True)
def _registries(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(payment_ports, "_factories", {})
    monkeypatch.setattr(payout_ports, "_factories", {})
    monkeypatch.setattr(carrier_ports, "_factories", {})
    return


def _environment(folder: Path, keys: SandboxKeys) -> dict[str, str]:
    files = {"private_key": keys.merchant_private_key, "public_key": keys.platform_public_key, "apiv3_key": keys.apiv3_key + "\n"}
    for name, content in files.items():
        (folder / name).write_text(content)
    return {
        "BANYAN_WECHAT_MCHID": keys.mchid,
        "BANYAN_WECHAT_APPID": keys.appid,
        "BANYAN_WECHAT_MERCHANT_SERIAL": keys.merchant_serial,
        "BANYAN_WECHAT_PUBLIC_KEY_ID": keys.public_key_id,
        "BANYAN_WECHAT_PRIVATE_KEY_FILE": str(folder / "private_key"),
        "BANYAN_WECHAT_PUBLIC_KEY_FILE": str(folder / "public_key"),
        "BANYAN_WECHAT_APIV3_KEY_FILE": str(folder / "apiv3_key"),
    }


def test_nothing_described_wires_nothing(tmp_path: Path) -> None:
    assert wiring.register({}, tmp_path) == ()
    assert not payment_ports.is_registered("wechat_pay")
    assert list(tmp_path.iterdir()) == []


def test_a_merchant_speaks_to_production_unless_told_otherwise(tmp_path: Path, keys: SandboxKeys) -> None:
    environment = _environment(tmp_path, keys)
    assert wiring.register(environment, tmp_path) == ("wechat_pay",)
    assert payment_ports.channel_for("wechat_pay", 1) is payment_ports.channel_for("wechat_pay", 2)
    assert payout_ports.is_registered("wechat_pay")
    settings = wiring.wechat_settings(environment, tmp_path)
    assert settings and settings.base_url == "https://api.mch.weixin.qq.com"


def test_half_a_description_is_refused_and_names_what_is_missing(tmp_path: Path, keys: SandboxKeys) -> None:
    environment = _environment(tmp_path, keys)
    del environment["BANYAN_WECHAT_APPID"]
    with pytest.raises(ImproperlyConfigured, match="BANYAN_WECHAT_APPID"):
        wiring.register(environment, tmp_path)


def test_an_unreadable_key_is_refused_without_showing_anything(tmp_path: Path, keys: SandboxKeys) -> None:
    environment = _environment(tmp_path, keys) | {"BANYAN_WECHAT_PRIVATE_KEY_FILE": str(tmp_path / "missing")}
    with pytest.raises(ImproperlyConfigured) as refusal:
        wiring.register(environment, tmp_path)
    assert keys.apiv3_key not in str(refusal.value)
    (tmp_path / "apiv3_key").write_text("short")
    with pytest.raises(ImproperlyConfigured, match="32 bytes"):
        wiring.register(_short(environment, tmp_path), tmp_path)


def _short(environment: dict[str, str], folder: Path) -> dict[str, str]:
    return environment | {"BANYAN_WECHAT_PRIVATE_KEY_FILE": str(folder / "private_key")}


def test_the_sandbox_keys_are_made_once_and_readable_by_the_owner_only(tmp_path: Path) -> None:
    environment = {"BANYAN_WECHAT_SANDBOX_URL": "http://127.0.0.1:8790"}
    first, again = wiring.wechat_settings(environment, tmp_path), wiring.wechat_settings(environment, tmp_path)
    assert first and again and first.apiv3_key == again.apiv3_key
    (file,) = (tmp_path / "secrets").iterdir()
    assert file.stat().st_mode & 0o077 == 0


def test_a_carrier_is_wired_in_and_half_of_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "checkword").write_text("secret\n")
    environment = {"BANYAN_SF_PARTNER_ID": "SHOP", "BANYAN_SF_CHECKWORD_FILE": str(tmp_path / "checkword")}
    with pytest.raises(ImproperlyConfigured, match="BANYAN_SF_MONTHLY_CARD"):
        wiring.register(environment, tmp_path)
    whole = environment | {"BANYAN_SF_MONTHLY_CARD": "755"}
    assert wiring.register(whole, tmp_path) == ("sf_express",)
    assert carrier_ports.carrier_for("sf_express", 1) is carrier_ports.carrier_for("sf_express", 2)
    for wrong in ({"BANYAN_SF_CHECKWORD_FILE": str(tmp_path / "no")}, {"BANYAN_SF_BASE_URL": "http://sfapi.sf-express.com"}):
        with pytest.raises(ImproperlyConfigured):
            wiring.register(whole | wrong, tmp_path)
