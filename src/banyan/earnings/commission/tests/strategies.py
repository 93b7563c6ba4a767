"""Random plans, orders and uplines: everything a plan document can say, on orders small enough that shrunk examples read well."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from banyan.earnings.commission.types import (
    PERIOD_RECIPIENTS,
    TIERS,
    All,
    Amount,
    Band,
    Basis,
    Condition,
    Differential,
    FirstOrder,
    Fixed,
    FromSupplier,
    HasTag,
    InCategory,
    InChannel,
    InRegion,
    IsProduct,
    IsSku,
    LegalCeiling,
    Measure,
    Member,
    Multiplier,
    NewGoods,
    Not,
    OrderFacts,
    PaidLine,
    PaidOrder,
    PayeeTier,
    Pays,
    Peer,
    Per,
    Period,
    Plan,
    PlanCaps,
    Progressive,
    Rate,
    Recipient,
    Rule,
    RuleCaps,
    Scope,
    SellerTier,
    Some,
    Spent,
    Stacking,
    TimeOfDay,
    UnitBand,
    UnitBands,
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
    st.integers(1, 4).map(lambda product: IsProduct((product,))),
    st.integers(1, 4).map(lambda supplier: FromSupplier((supplier,))),
    st.sampled_from(["shop", "live"]).map(lambda channel: InChannel((channel,))),
    st.sampled_from(["44", "4403", "440304", "31"]).map(lambda code: InRegion((code,))),
    st.booleans().map(FirstOrder),
    st.sampled_from(TIERS).map(lambda tier: SellerTier((tier,))),
    st.tuples(st.integers(0, 700), st.integers(701, 1439)).flatmap(st.permutations).map(lambda ends: TimeOfDay(*ends)),
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
    kind = draw(st.sampled_from(["fixed", "rate", "progressive", "whole_band", "unit_bands"]))
    if kind == "fixed":
        return Fixed(draw(st.integers(0, 900)), draw(st.sampled_from([Per.UNIT, Per.LINE, Per.ORDER])))
    if kind == "rate":
        return Rate(draw(rates))
    if kind == "unit_bands":
        starts = sorted({0, *draw(st.lists(st.integers(1, 6), max_size=2))})
        steps = tuple(UnitBand(start, draw(st.integers(0, 900))) for start in starts)
        return UnitBands(draw(st.sampled_from([Measure.LINE, Measure.ORDER])), draw(st.booleans()), steps)
    by = draw(st.sampled_from([Measure.LINE, Measure.ORDER, Measure.FIGURE]))
    figure = "month_sales_minor" if by is Measure.FIGURE else None
    return (Progressive if kind == "progressive" else WholeBand)(
        by, draw(bands()), figure, by is Measure.FIGURE and draw(st.booleans())
    )


@st.composite
def differentials(draw: st.DrawFn) -> Differential:
    tiers = draw(st.lists(st.sampled_from(TIERS), min_size=1, max_size=4, unique=True))
    peer = Peer(draw(rates), draw(st.booleans()), draw(st.integers(1, 2)), draw(st.none() | st.integers(0, 500)))
    return Differential(tuple(sorted((tier, draw(rates)) for tier in tiers)), draw(st.none() | st.just(peer)))


@st.composite
def payees(draw: st.DrawFn) -> Pays:
    """Whom an ordinary rule of an order pays."""
    to = draw(st.sampled_from([each for each in Recipient if each not in PERIOD_RECIPIENTS and each is not Recipient.EARNER]))
    min_tier = draw(st.none() | st.sampled_from(TIERS[:3]))
    depth = draw(st.integers(1, 3))
    match to:
        case Recipient.ANCESTOR:
            return Pays(to, depth, min_tier)
        case Recipient.PATH:
            return Pays(to, draw(st.integers(0, 1)), min_tier, to_depth=depth)
        case Recipient.GENERATION:
            return Pays(to, draw(st.integers(1, 2)), draw(st.sampled_from(TIERS[:3])), to_depth=depth + 1)
        case Recipient.REGIONAL_PARTNER:
            return Pays(to, 0, min_tier, scope=draw(st.sampled_from(Scope)))
        case Recipient.PERSON:
            return Pays(to, 0, min_tier, distributor_id=draw(st.sampled_from([101, 500])))
        case _:
            return Pays(to, 0, min_tier)


caps = st.none() | st.integers(0, 3000)
rule_caps = st.just(RuleCaps()) | st.builds(RuleCaps, caps, caps, caps, caps)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    groups = (
        ("base", draw(st.sampled_from(Stacking))),
        ("boost", draw(st.sampled_from(Stacking))),
        ("more", draw(st.sampled_from(Stacking))),
    )
    rules = []
    for number in range(draw(st.integers(1, 5))):
        pays = draw(payees())
        rules.append(
            Rule(
                key=f"r{number}",
                pays=pays,
                amount=draw(differentials() if pays.to is Recipient.PATH and draw(st.booleans()) else amounts()),
                when=draw(st.none() | conditions),
                group=draw(st.sampled_from(["base", "more"])),
                priority=draw(st.sampled_from([1, 100])),
                caps=draw(rule_caps),
                basis=draw(st.sampled_from([Basis.PAID, Basis.PAID, Basis.MARGIN])),
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
    caps = PlanCaps(
        draw(st.integers(1, 10_000)), draw(st.none() | small), draw(st.none() | small), draw(st.none() | rates), Period.MONTH,
        draw(st.none() | small), draw(st.none() | small), draw(st.booleans()),
    )  # fmt: skip
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
        draw(st.integers(1, 4)),
        draw(st.none() | st.integers(1, 4)),
        draw(st.none() | st.integers(0, 20_000)),
    )


@st.composite
def members(draw: st.DrawFn, depth: int) -> Member:
    figures = draw(st.none() | st.integers(0, 20_000).map(lambda sales: {"month_sales_minor": sales}))
    return Member(
        100 + depth, depth, draw(st.sampled_from(TIERS)), draw(st.sampled_from(["active", "active", "frozen"])), figures
    )


def beside(distributor_id: int) -> st.SearchStrategy[Member]:
    """Somebody who is paid for something else than his place; 101 stands above the seller as well."""
    return st.builds(Member, st.just(distributor_id), st.just(0), st.sampled_from(TIERS), st.sampled_from(["active", "frozen"]))


spent = st.builds(
    Spent, small, st.just(((100, 500), (101, 0), (500, 9_000))), st.just((("r0", 100, 700), ("r1", 101, 0), ("r2", 500, 2_500)))
)
facts = st.builds(
    OrderFacts,
    channel=st.sampled_from(["shop", "live"]),
    region_code=st.sampled_from(["", "440304", "310101"]),
    first_order=st.none() | st.booleans(),
    local_minute=st.none() | st.integers(0, 1439),
    buyer=st.none() | beside(300) | beside(100),
    partners=st.just(())
    | st.tuples(st.tuples(st.just("city"), beside(400)))
    | st.tuples(st.tuples(st.just("city"), beside(102))),
    people=st.tuples(beside(101), beside(500)) | st.just(()),
    spent=st.none() | spent,
)


@st.composite
def orders(draw: st.DrawFn) -> PaidOrder:
    drawn = tuple(draw(lines(number)) for number in range(1, draw(st.integers(1, 4)) + 1))
    upline = tuple(draw(members(depth)) for depth in range(draw(st.integers(0, 6))))
    return PaidOrder(1, NOON, drawn, upline, draw(st.none() | facts))


ceilings = st.builds(LegalCeiling, st.just("test"), st.integers(0, 6), st.none() | st.integers(0, 6000))
