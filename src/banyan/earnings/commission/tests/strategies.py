"""Random plans, orders and uplines: everything a plan document can say, on orders small enough that shrunk examples read well."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from banyan.earnings.commission.types import (
    TIERS,
    All,
    Amount,
    Band,
    Condition,
    Fixed,
    HasTag,
    InCategory,
    IsSku,
    LegalCeiling,
    Measure,
    Member,
    Multiplier,
    NewGoods,
    Not,
    PaidLine,
    PaidOrder,
    PayeeTier,
    Pays,
    Per,
    Plan,
    PlanCaps,
    Progressive,
    Rate,
    Recipient,
    Rule,
    RuleCaps,
    Some,
    Stacking,
    Unqualified,
    Uplift,
    WholeBand,
    Window,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
rates = st.integers(0, 4000)
small = st.integers(0, 20_000)
instants = st.integers(-60, 60).map(lambda days: NOON + timedelta(days=days))

leaves: st.SearchStrategy[Condition] = st.one_of(
    st.lists(st.integers(1, 4), min_size=1, max_size=2).map(lambda ids: InCategory(tuple(ids))),
    st.lists(st.integers(1, 4), min_size=1, max_size=2).map(lambda ids: IsSku(tuple(ids))),
    st.sampled_from(["eco", "hot"]).map(lambda tag: HasTag((tag,))),
    st.lists(st.sampled_from(TIERS), min_size=1, max_size=3).map(lambda tiers: PayeeTier(tuple(tiers))),
    st.integers(1, 60).map(NewGoods),
    instants.map(lambda at: Window(at, at + timedelta(days=20))),
    instants.map(lambda at: Window(None, at)),
)
conditions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=2).map(lambda each: All(tuple(each))),
        st.lists(inner, min_size=1, max_size=2).map(lambda each: Some(tuple(each))),
        inner.map(Not),
    ),
    max_leaves=3,
)


@st.composite
def bands(draw: st.DrawFn, rising: bool = False) -> tuple[Band, ...]:
    starts = sorted({0, *draw(st.lists(st.integers(1, 15_000), max_size=3))})
    chosen = [draw(rates) for _ in starts]
    return tuple(Band(start, rate) for start, rate in zip(starts, sorted(chosen) if rising else chosen, strict=True))


@st.composite
def amounts(draw: st.DrawFn) -> Amount:
    kind = draw(st.sampled_from(["fixed", "rate", "progressive", "whole_band"]))
    if kind == "fixed":
        return Fixed(draw(st.integers(0, 900)), draw(st.sampled_from([Per.UNIT, Per.LINE])))
    if kind == "rate":
        return Rate(draw(rates))
    by = draw(st.sampled_from([Measure.LINE, Measure.ORDER, Measure.FIGURE]))
    figure = "month_sales_minor" if by is Measure.FIGURE else None
    return (Progressive if kind == "progressive" else WholeBand)(by, draw(bands()), figure)


rule_caps = st.builds(RuleCaps, st.none() | st.integers(0, 3000), st.none() | st.integers(0, 3000))


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    groups = (
        ("base", draw(st.sampled_from(Stacking))),
        ("boost", draw(st.sampled_from(Stacking))),
        ("more", draw(st.sampled_from(Stacking))),
    )
    rules = []
    for number in range(draw(st.integers(1, 5))):
        depth = draw(st.integers(0, 3))
        min_tier = draw(st.none() | st.sampled_from(TIERS[:3]))
        rules.append(
            Rule(
                key=f"r{number}",
                pays=Pays(Recipient.ANCESTOR if depth else Recipient.SELLER, depth, min_tier),
                amount=draw(amounts()),
                when=draw(st.none() | conditions),
                group=draw(st.sampled_from(["base", "more"])),
                priority=draw(st.sampled_from([1, 100])),
                caps=draw(rule_caps),
            )
        )
    for number in range(draw(st.integers(0, 2))):
        of = draw(st.sampled_from(["base", "more"]))
        overlay = Multiplier(of, draw(st.integers(10_000, 30_000))) if draw(st.booleans()) else Uplift(of, draw(rates))
        to = draw(st.sampled_from([Recipient.SELLER, Recipient.ANCESTOR, Recipient.EARNER]))
        depth = 1 if to is Recipient.ANCESTOR else 0
        rules.append(
            Rule(
                f"o{number}",
                Pays(to, depth),
                overlay,
                draw(st.none() | conditions),
                "boost",
                draw(st.sampled_from([1, 100])),
                draw(rule_caps),
            )
        )
    unqualified = draw(st.sampled_from(Unqualified))
    reach = draw(st.none() | st.integers(3, 5)) if unqualified is Unqualified.COMPRESSION else None
    caps = PlanCaps(draw(st.integers(1, 10_000)), draw(st.none() | small), draw(st.none() | small))
    return Plan("Random", unqualified, draw(st.integers(0, 30)), caps, tuple(rules), groups, reach)


@st.composite
def lines(draw: st.DrawFn, line_id: int) -> PaidLine:
    return PaidLine(
        line_id,
        draw(st.integers(0, 20_000)),
        draw(st.integers(1, 4)),
        draw(st.integers(1, 4)),
        draw(st.sampled_from([(1,), (1, 2, 3), (4,)])),
        draw(st.sampled_from([(), ("eco",), ("eco", "hot")])),
        draw(st.none() | instants),
    )


@st.composite
def members(draw: st.DrawFn, depth: int) -> Member:
    figures = draw(st.none() | st.integers(0, 20_000).map(lambda sales: {"month_sales_minor": sales}))
    return Member(
        100 + depth, depth, draw(st.sampled_from(TIERS)), draw(st.sampled_from(["active", "active", "frozen"])), figures
    )


@st.composite
def orders(draw: st.DrawFn) -> PaidOrder:
    drawn = tuple(draw(lines(number)) for number in range(1, draw(st.integers(1, 4)) + 1))
    upline = tuple(draw(members(depth)) for depth in range(draw(st.integers(0, 6))))
    return PaidOrder(1, NOON, drawn, upline)


ceilings = st.builds(LegalCeiling, st.just("test"), st.integers(0, 6), st.none() | st.integers(0, 6000))
