"""What identity takes and gives over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from ninja import Field, Schema

from banyan.kernel.http import ErrorBody, PublicId
from banyan.people.identity.types import Role, Scope

ERRORS: dict[int, Any] = {
    400: ErrorBody,
    401: ErrorBody,
    403: ErrorBody,
    404: ErrorBody,
    409: ErrorBody,
    422: ErrorBody,
    429: ErrorBody,
}

PRINTABLE = r"^[^\x00-\x1f]+$"
UserIdOut = Annotated[int, PublicId("usr")]
TokenIdOut = Annotated[int, PublicId("tok")]
Login = Annotated[str, Field(min_length=1, max_length=120, pattern=PRINTABLE)]
Password = Annotated[str, Field(min_length=1, max_length=200, pattern=PRINTABLE)]
Name = Annotated[str, Field(min_length=1, max_length=80, pattern=PRINTABLE)]
Phone = Annotated[str, Field(max_length=30, pattern=r"^[^\x00-\x1f]*$")]
Scopes = Annotated[list[Scope], Field(min_length=1, max_length=60)]


class SignInIn(Schema):
    """``login@shop``, or a login with the shop apart."""

    login: Login
    password: Password
    shop: Annotated[str, Field(max_length=40, pattern=r"^[a-z][a-z0-9-]*$")] | None = None


class TokenOut(Schema):
    """A fresh token. The secret is shown this once."""

    token: str
    expires_at: datetime | None


class TokenRowOut(Schema):
    """A token without its secret."""

    id: TokenIdOut
    name: str
    scopes: list[str]
    issued_at: datetime
    expires_at: datetime | None


class UserOut(Schema):
    """A person with name and phone: personal, do not pass on."""

    id: UserIdOut
    login: str
    display_name: str
    phone: str | None
    roles: list[Role]
    active: bool
    joined_at: datetime


class MeOut(UserOut):
    """The caller, with the rights of this token."""

    scopes: list[str]
    distributor_id: Annotated[int, PublicId("dst")] | None


class NewUserIn(Schema):
    """A person to register."""

    login: Login
    display_name: Name
    password: Password | None = None
    phone: Phone | None = None
    roles: Annotated[list[Role], Field(max_length=8)] = [Role.CONSUMER]


class ProfileIn(Schema):
    """What to change; absent stays, an empty phone is removed."""

    display_name: Name | None = None
    phone: Phone | None = None


class PasswordIn(Schema):
    """The present and the new password."""

    present: Password
    new: Password


class NewPasswordIn(Schema):
    """A password set by an operator."""

    new: Password


class LockLiftedOut(Schema):
    """How many failed tries to sign in were forgiven."""

    forgiven_count: int


class RolesIn(Schema):
    """All roles that the user shall have."""

    roles: Annotated[list[Role], Field(max_length=8)]


class TokenIn(Schema):
    """A token to issue: a name, what it may do, and how long (days; null: until revoked)."""

    name: Name
    scopes: Scopes
    days: Annotated[int, Field(ge=1, le=3650)] | None = None


class VisitIn(Schema):
    """The shop to enter and why; the shop's auditors read it."""

    shop: Annotated[str, Field(min_length=1, max_length=40, pattern=PRINTABLE)]
    reason: Annotated[str, Field(min_length=3, max_length=200, pattern=PRINTABLE)]


class ShopIn(Schema):
    """A shop to open. The slug stands in every login (`login@slug`) and stays."""

    slug: Annotated[str, Field(min_length=2, max_length=39, pattern=r"^[a-z][a-z0-9-]*$")]
    name: Annotated[str, Field(min_length=1, max_length=120, pattern=PRINTABLE)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "CNY"
    timezone: Annotated[str, Field(min_length=1, max_length=40, pattern=PRINTABLE)] = "Asia/Shanghai"
    jurisdiction: Annotated[str, Field(min_length=2, max_length=20, pattern=PRINTABLE)] = "CN"
    login: Login = "operator"


class ShopOut(Schema):
    """A shop of this installation."""

    slug: str
    name: str
    currency: str
    timezone: str
    jurisdiction: str


class OpenedShopOut(ShopOut):
    """A new shop with its first operator. The password is shown this once; change it under /me/password."""

    login: str
    password: str
