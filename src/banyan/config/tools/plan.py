"""`banyan plan check|prove|simulate|diff|publish FILE`: plans as files, for instance in git.

Exit 0: fine; 1: the plan has faults, is illegal or goes beyond the margin of some goods; 2: it could not be asked.
"""

from __future__ import annotations

import json as jsonlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

ShopOption = Annotated[str, typer.Option("--shop", help="The shop's slug; not needed where there is one shop only.")]
FileArgument = Annotated[Path, typer.Argument(help="A plan document (JSON).", exists=True, dir_okay=False)]
PLAN_AT_FAULT = ("invalid_plan", "illegal_plan", "plan_beyond_margin")
JsonOption = Annotated[bool, typer.Option("--json", help="One object and nothing else.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    plan = typer.Typer(help="Commission plans as files: check, prove, simulate, compare, publish.", no_args_is_help=True)
    for command in (check, prove, simulate, diff, publish):
        plan.command()(command)
    app.add_typer(plan, name="plan")


def check(file: FileArgument, shop: ShopOption = "", json: JsonOption = False) -> None:
    """Every fault with its place, or the worst case and the law's verdict."""
    from dataclasses import asdict

    with _inside(shop) as (commission, clock):
        report = commission.check_document(_document(file), clock.now())
    if json:
        _print(asdict(report))
    else:
        _print_faults(report.faults)
        if not report.faults:
            print(f"{'allowed' if report.legal else 'not allowed'} by {report.rule_set}")
            print(f"ancestors paid, at most: {report.upline_depth_paid}; all pay together, at most: {report.total_rate_bp} bp")
            for each in report.broken:
                print(f"  {each.law} {each.article}: {each.message}")
            print(report.disclaimer)
    raise typer.Exit(0 if not report.faults and report.legal else 1)


def prove(file: FileArgument, shop: ShopOption = "", json: JsonOption = False) -> None:
    """The exact worst case on one sale per class of goods and tier path, with its witness; against law and margin."""
    with _inside(shop) as (commission, clock):
        found = commission.prove_document(_document(file), clock.now())
        if not isinstance(found, commission.ShopProof):
            _end_with_faults(found.faults, json)
        from banyan.kernel import ids

        cases = [_outward(commission.describe_case(case)) for case in found.proof.cases[: commission.SHOWN_CASES]]
    told = {
        "publishable": found.is_publishable, "legal": found.report.legal, "exact": found.proof.exact,
        "why_not_exact": list(found.proof.why), "bound_bp": found.bound_bp,
        "worst_bp": found.proof.worst.rate_bp if found.proof.worst is not None else None, "case_count": found.proof.case_count,
        "cases": cases, "beyond_margin": [[ids.public("sku", each.sku_id), each.margin_minor, each.worst_minor]
                                            for each in found.thin],
    }  # fmt: skip
    if json:
        _print(told)
    else:
        print(f"{'publishable' if found.is_publishable else 'not publishable'}; at most {found.bound_bp} bp of a sale")
        print("proven exactly:" if found.proof.exact else f"not proven exactly: {'; '.join(found.proof.why)}")
        for case in cases[:20]:
            goods = f"sku {case['sku_id'] or 'any'}, categories {case['category_ids']}, tags {case['tags']}"
            rules = ", ".join(f"{part['rule']} {part['rate_bp']}" for part in case["parts"])
            print(f"  {case['rate_bp']:>6} bp  {'/'.join(case['path'])}  {goods}  {rules}")
        for each in found.thin:
            print(f"  beyond the margin: {ids.public('sku', each.sku_id)} pays up to {each.worst_minor} of {each.margin_minor}")
    raise typer.Exit(0 if found.is_publishable else 1)


def simulate(
    file: FileArgument,
    start: Annotated[datetime, typer.Option("--from", help="Orders paid from this day on, in the shop's zone.")],
    end: Annotated[datetime, typer.Option("--until", help="Orders paid before this day.")],
    shop: ShopOption = "",
    json: JsonOption = False,
) -> None:
    """What the plan would have cost over past orders, beside what was in force."""
    from banyan.config import runtime

    if end <= start:
        typer.echo("banyan plan: --until must lie after --from.", err=True)
        raise typer.Exit(2)
    with _inside(shop) as (commission, clock):
        document = _document(file)
        report = commission.check_document(document, clock.now())
    if report.faults:
        _end_with_faults(report.faults, json)
    with runtime.database_ready(), _refusals_told():  # outside of the shop: the simulation enters it itself, slice by slice
        from banyan.earnings.simulation import commands
        from banyan.earnings.simulation.queries import summarize

        tenant = _tenant(shop)
        begins, ends = (moment.replace(tzinfo=tenant.zone) for moment in (start, end))
        found = commands.simulate(tenant.id, document, begins, ends, _progress)
        assert found is not None
        outcome = summarize(found.tally)
    if json:
        _print({**outcome, "peak_mib": found.peak_mib})
        return
    print(f"{outcome['orders']:,} orders, {outcome['people']:,} people: {outcome['gaining']:,} gain, {outcome['losing']:,} lose")
    print(f"in force: {outcome['old_minor']:,} ({outcome['old_bp']} bp)")
    print(f"this plan: {outcome['new_minor']:,} ({outcome['new_bp']} bp)")
    for row in outcome["by_rule"]:
        print(f"  {row['rule']:<32} {row['old_minor']:>15,} → {row['new_minor']:>15,}")
    for row in outcome["by_period"]:
        if row["is_open"] or not row["is_whole"]:
            why = "not closed yet, so not in force's sum" if row["is_open"] else "only partly in the window"
            print(f"  {row['period']} from {row['first_day']}: {why}")


def diff(
    file: FileArgument,
    shop: ShopOption = "",
    other: Annotated[Path | None, typer.Option(help="Another document; without it, the version in force.")] = None,
    chinese: Annotated[bool, typer.Option("--zh", help="Say it in Chinese.")] = False,
    json: JsonOption = False,
) -> None:
    """What is different, in words: from the version in force, or another file, to this file."""
    with _inside(shop) as (commission, clock):
        from django.utils import translation

        after = _document(file)
        version = commission.version_at(clock.now())
        before = _document(other) if other is not None else version.document if version is not None else {"rules": []}
        for document in [after, before] if other is not None else [after]:
            report = commission.check_document(document, clock.now())
            if report.faults:
                _end_with_faults(report.faults, json)
        with translation.override("zh-hans" if chinese else "en"):
            words = commission.describe_differences(before, after)
        changes = commission.list_changes(before, after)
    if json:
        _print({"changes": changes, "words": words})
    else:
        print("\n".join(words) if words else "Nothing: both say the same.")


def publish(
    file: FileArgument,
    drafted_by: Annotated[str, typer.Option(help="Login of the person who wrote it, without the shop.")],
    shop: ShopOption = "",
    approved_by: Annotated[str, typer.Option(help="Login of the second person who approves it; not needed in the sandbox.")] = "",
    name: Annotated[str, typer.Option(help="Name of a new plan; without it, the next version of the plan in force.")] = "",
    on: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Day from whose midnight in the shop's zone it holds; now without it."),
    ] = None,
) -> None:
    """Draft, have approved and publish: the same commands, law, proof and four eyes as in the console."""
    with _inside(shop) as (commission, clock):
        from banyan.earnings.commission import commands
        from banyan.earnings.commission.types import DraftPlan

        in_force = None if name else commission.version_at(clock.now())
        plan_id = in_force.plan_id if in_force is not None else None
        writer = _person(drafted_by, "plans:write", "plans:publish")
        version_id = commands.draft_plan(DraftPlan(_document(file), writer, name, plan_id))
        if approved_by:
            second = _person(approved_by, "plans:approve")
            commands.approve_plan(version_id, approved_by=second, note="banyan plan publish")
        commands.publish_plan(version_id, published_by=writer, effective_on=on.date() if on else None)
        version = commission.get_version(version_id)
    print(f"{version.name}, version {version.number}: {version.status} from {version.effective_from}")


@contextmanager
def _inside(shop: str) -> Iterator[tuple[Any, Any]]:
    """The commission house's reads and the clock, inside the shop."""
    from banyan.config import runtime

    with runtime.database_ready(), _refusals_told():
        from banyan.earnings.commission import queries
        from banyan.kernel import clock, tenancy

        with tenancy.enter(_tenant(shop).id, actor="banyan plan", reason="command line"):
            yield queries, clock


@contextmanager
def _refusals_told() -> Iterator[None]:
    """Refusals are told in words: exit 1 where the plan is at fault, 2 where it could not be asked."""
    from banyan.kernel.values.errors import Refusal

    try:
        yield
    except Refusal as refusal:
        typer.echo(f"banyan plan: {refusal.message}\n{' ' * 13}{refusal.advice}", err=True)
        for fault in refusal.details.get("faults", ()):
            typer.echo(f"{' ' * 13}{fault['path'] or '$'}: {fault['message']}", err=True)
        raise typer.Exit(1 if refusal.code in PLAN_AT_FAULT else 2) from None


def _end_with_faults(faults: Sequence[tuple[str, str]], json: bool) -> NoReturn:
    if json:
        _print({"faults": faults})
    else:
        _print_faults(faults)
    raise typer.Exit(1)


def _print_faults(faults: Sequence[tuple[str, str]]) -> None:
    for path, message in faults:
        print(f"{path or '$'}: {message}")


def _outward(case: dict[str, Any]) -> dict[str, Any]:
    """A case of the proof with public ids: outside nobody names things by number."""
    from banyan.kernel import ids

    named = {"sku_id": "sku", "product_id": "prd", "supplier_id": "usr"}
    told = {name: ids.public(prefix, case[name]) if case[name] else None for name, prefix in named.items()}
    return case | told | {"category_ids": [ids.public("cat", each) for each in case["category_ids"]]}


def _tenant(shop: str) -> Any:
    from banyan.kernel import tenancy
    from banyan.kernel.tenancy.registry import PLATFORM_SLUG

    shops = [one for one in tenancy.list_tenants(None, 100_000) if one.slug != PLATFORM_SLUG]
    found = next((one for one in shops if one.slug == shop), None) if shop else shops[0] if len(shops) == 1 else None
    if found is None:
        told = f"there is no shop {shop}" if shop else "say which --shop"
        typer.echo(f"banyan plan: {told}; see `banyan shop list`.", err=True)
        raise typer.Exit(2)
    return found


def _person(login: str, *scopes: str) -> str:
    """The public id of somebody who may do this in the console, too."""
    from banyan.kernel import ids
    from banyan.people.identity import queries
    from banyan.people.identity.types import scopes_of

    found = queries.find_user_by_login(login)
    if found is None:
        typer.echo(f"banyan plan: nobody here has the login {login}.", err=True)
        raise typer.Exit(2)
    if not found.active or not set(scopes) <= scopes_of(found.roles):
        typer.echo(f"banyan plan: {login} may not do this; it needs {' and '.join(scopes)}.", err=True)
        raise typer.Exit(2)
    return ids.public("usr", found.id)


def _document(file: Path) -> Any:
    from banyan.earnings.commission.queries import inward

    try:
        return inward(jsonlib.loads(file.read_text(encoding="utf-8")))
    except ValueError as error:
        typer.echo(f"banyan plan: {file} is not JSON: {error}", err=True)
        raise typer.Exit(2) from None


def _progress(done: int, count: int) -> bool:
    typer.echo(f"{done:,} of {count:,} orders", err=True)
    return True


def _print(value: Any) -> None:
    show: Callable[[Any], str] = str
    print(jsonlib.dumps(value, ensure_ascii=False, default=show))
