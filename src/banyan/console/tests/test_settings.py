"""Settings and settlement policies in the console: one form for one command each."""

from __future__ import annotations

from banyan.console.tests.asking import page_of, post
from banyan.console.tests.conftest import Staffed
from banyan.console.tests.making import code_of, make_distributors
from banyan.kernel import ids
from banyan.people.identity.types import Role


def test_settings_show_what_holds_and_change_by_one_command_each(staffed: Staffed) -> None:
    from banyan.people.network import queries as network
    from banyan.people.network.types import BindingMode, BindingSettings
    from banyan.trade.attribution import queries as attribution
    from banyan.trade.fulfillment import queries as fulfillment
    from banyan.trade.fulfillment.types import Policy as FulfillmentPolicy
    from banyan.trade.orders import queries as orders
    from banyan.trade.returns import queries as returns
    from banyan.trade.returns.types import FreightRule, ReturnPolicy

    operator = staffed.client(Role.OPERATOR)
    terms = {"payment_window_seconds": "900", "receive_after_days": "12", "close_after_days": "5", "first_grams": "1000",
             "step_grams": "500", "base_minor": "8.50", "step_minor": "2", "free_from_minor": ""}  # fmt: skip
    changed = post(operator, "/console/settings/binding", mode="overriding", protect_days="", validity_days="30")
    assert "已修改" in changed
    post(operator, "/console/settings/attribution", self_purchase="on")
    post(operator, "/console/settings/orders", **terms)
    post(operator, "/console/settings/returns", days_after_receipt="15", freight_rule="never")
    post(
        operator,
        "/console/settings/fulfillment",
        receive_after_days="3",
        pickup_days="5",
        sender_phone="0571-88888888",
        silent_days="20",
    )
    with staffed.shop.enter():
        assert network.get_binding_settings() == BindingSettings(BindingMode.OVERRIDING, None, 30)
        assert attribution.get_policy().self_purchase is True
        held = orders.get_policy()
        assert (held.payment_window_seconds, held.receive_after_days, held.close_after_days) == (900, 12, 5)
        assert (held.tariff.base_minor, held.tariff.step_minor, held.tariff.free_from_minor) == (850, 200, None)
        assert returns.get_policy() == ReturnPolicy(15, FreightRule.NEVER)
        assert fulfillment.get_policy() == FulfillmentPolicy(3, 5, "0571-88888888", 20)
    page = page_of(operator, "/console/settings/")
    assert 'value="8.50"' in page and 'value="30"' in page
    post(operator, "/console/settings/attribution")
    wrong = post(operator, "/console/settings/orders", **{**terms, "base_minor": "-1", "step_grams": "0"})
    assert wrong.count("bn-fault") == 2
    days = {"receive_after_days": "91", "pickup_days": "0", "sender_phone": "ring me", "silent_days": "6"}
    assert post(operator, "/console/settings/fulfillment", **days).count("bn-fault") == 4
    with staffed.shop.enter():
        assert attribution.get_policy().self_purchase is False
        assert orders.get_policy().tariff.base_minor == 850
    assert operator.post("/console/settings/nonsense").status_code == 404
    reader = page_of(staffed.client(Role.AUDITOR), "/console/settings/")
    assert "<fieldset disabled>" in reader and "<fieldset>" not in reader


def test_settlement_policies_are_opened_and_retired_by_form(staffed: Staffed) -> None:
    from banyan.earnings.settlement import queries
    from banyan.earnings.settlement.types import Cycle, Lane, Scope

    (one,) = make_distributors(staffed, None)
    finance = staffed.client(Role.FINANCE)
    form = {"scope": "tenant", "tier": "", "distributor": "", "cycle": "weekly", "weekday": "2", "month_day": "1",
            "lane": "reviewed", "channel": "wechat_pay", "attempt_count": "3", "minimum_minor": "10", "review_minor": "",
            "four_eyes_minor": "5000.00"}  # fmt: skip
    address = "/console/settlement-policies/"
    assert staffed.client(Role.AUDITOR).post(f"{address}open", form).status_code == 403
    assert "已启用" in post(finance, f"{address}open", **form)
    post(finance, f"{address}open", **{**form, "scope": "tier", "tier": "gold", "lane": "automatic"})
    post(finance, f"{address}open", **{**form, "scope": "distributor", "distributor": code_of(staffed, one)})
    assert "请选择等级" in post(finance, f"{address}open", **{**form, "scope": "tier"})
    assert "没有此推广码或编号的分销商" in post(finance, f"{address}open", **{**form, "scope": "distributor"})
    assert "起结金额至少为" in post(finance, f"{address}open", **{**form, "minimum_minor": "0"})
    with staffed.shop.enter():
        found = {policy.scope: policy for policy in queries.list_policies()}
    assert len(found) == 3
    shop_wide, rhythm = found[Scope.TENANT], found[Scope.TENANT].terms.rhythm
    assert (rhythm.cycle, rhythm.weekday, shop_wide.terms.lane) == (Cycle.WEEKLY, 2, Lane.REVIEWED)
    assert (shop_wide.terms.minimum_minor, shop_wide.terms.review_minor, shop_wide.terms.four_eyes_minor) == (1000, None, 500_000)
    assert shop_wide.opened_by == staffed.people[Role.FINANCE]
    assert found[Scope.DISTRIBUTOR].subject == str(one)
    post(finance, f"{address}{ids.public('spo', shop_wide.policy_id)}/retire")
    with staffed.shop.enter():
        assert {policy.scope for policy in queries.list_policies()} == {Scope.TIER, Scope.DISTRIBUTOR}


def test_the_menu_has_settlement_policies_incidents_and_settings(staffed: Staffed) -> None:
    page = page_of(staffed.client(Role.FINANCE), "/console/law/")
    for address in ("/console/settlement-policies/", "/console/payments/incidentrow/", "/console/settings/", "/console/plans/"):
        assert f'href="{address}"' in page, address
