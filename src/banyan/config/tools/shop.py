"""`banyan shop create`, `banyan shop list`: the first shop, and those after it."""

from __future__ import annotations

import json as jsonlib
from secrets import token_urlsafe
from typing import Annotated

import typer

PLATFORM_LOGIN = "platform"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    shop = typer.Typer(help="Open a shop, or list the shops of this installation.", no_args_is_help=True)
    shop.command()(create)
    shop.command("list")(list_shops)
    app.add_typer(shop, name="shop")


def create(
    slug: Annotated[str, typer.Argument(help="2 to 39 of a-z, 0-9 and '-'; stands in every login: operator@SLUG.")],
    name: Annotated[str, typer.Option(help="The shop's name as people read it.")],
    currency: Annotated[str, typer.Option(help="Three letters.")] = "CNY",
    timezone: Annotated[str, typer.Option(help="Where days, months and settlement cycles are counted.")] = "Asia/Shanghai",
    jurisdiction: Annotated[str, typer.Option(help="Whose law its commission plans keep; `sandbox` for trying things.")] = "CN",
    login: Annotated[str, typer.Option(help="Login of the first operator, who registers everybody else.")] = "operator",
    json: Annotated[bool, typer.Option("--json", help="One flat object and nothing else.")] = False,
) -> None:
    """Open a shop with its first operator; the first time also found the platform. Passwords are shown this once."""
    from banyan.config import runtime

    with runtime.database_ready():
        from banyan.kernel.values.errors import Refusal
        from banyan.people.identity import commands
        from banyan.people.identity.types import NewShop

        try:
            opened = commands.open_shop(NewShop(slug, name, currency, timezone, jurisdiction, login))
        except Refusal as refusal:
            known = ", ".join(refusal.details.get("known", ()))
            advice = f"{refusal.advice}{f' Known are {known}.' if known else ''}"
            typer.echo(f"banyan shop: {refusal.message}\n{' ' * 13}{advice}", err=True)
            raise typer.Exit(2) from None
        platform_password = _found_platform_once()
    told = {"shop": slug, "name": name.strip(), "login": f"{opened.login}@{slug}", "password": opened.password}
    if platform_password is not None:
        told |= {"platform_login": PLATFORM_LOGIN, "platform_password": platform_password}
    if json:
        print(jsonlib.dumps(told, ensure_ascii=False))
        return
    print(f"{told['name']} is open.")
    print(f"  {told['login']:<28}{opened.password}   its first operator")
    if platform_password is not None:
        print(f"  {PLATFORM_LOGIN:<28}{platform_password}   the platform's first person: opens and enters shops")
    print(f"Passwords are shown this once; change them at {_console()}password_change/.")


def _found_platform_once() -> str | None:
    """The password of the platform's first person, registered now; None when the platform has somebody already."""
    from banyan.kernel import tenancy
    from banyan.kernel.tenancy.registry import PLATFORM_SLUG
    from banyan.people.identity import commands, queries
    from banyan.people.identity.types import Role

    home = tenancy.find_tenant_by_slug(PLATFORM_SLUG)
    if home is not None:
        with tenancy.enter(home.id, actor="founding"):
            if queries.list_users(None, 1, Role.PLATFORM):
                return None
    password = token_urlsafe(12)
    try:
        commands.found_platform(PLATFORM_LOGIN, password, PLATFORM_LOGIN)
    except commands.LoginTaken:  # somebody else was founding it at the same moment, and was told the password
        return None
    return password


def _console() -> str:
    from banyan.kernel.supervisor import places

    home = places.default_home()
    services = places.read_services(home) if places.is_owned(home) else None
    return f"{services.web_url}/console/" if services is not None and services.web_url else "/console/"


def list_shops(json: Annotated[bool, typer.Option("--json", help="One object and nothing else.")] = False) -> None:
    """Every shop of this installation, newest first; the platform's own tenant is one of them."""
    from banyan.config import runtime

    with runtime.database_ready():
        from banyan.kernel import tenancy

        found = tenancy.list_tenants(None, 100_000)
    if json:
        names = ("slug", "name", "currency", "timezone", "jurisdiction")
        print(jsonlib.dumps({"shops": [{name: getattr(shop, name) for name in names} for shop in found]}, ensure_ascii=False))
        return
    for shop in found:
        print(f"{shop.slug:<40}{shop.jurisdiction:<9}{shop.currency:<5}{shop.timezone:<22}{shop.name}")
    if not found:
        print("No shop yet: banyan shop create SLUG --name NAME")
