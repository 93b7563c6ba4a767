"""Setting and changing passwords."""

from __future__ import annotations

from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError

from banyan.kernel import clock
from banyan.kernel.values.errors import Invalid
from banyan.people.identity.models import User as UserRow
from banyan.people.identity.queries import UserNotFound
from banyan.people.identity.types import UserId

LENGTH_MIN = 10
LENGTH_MAX = 200
_common = CommonPasswordValidator()


class WeakPassword(Invalid):
    """A password that guessing finds."""

    code = "weak_password"
    advice = f"Choose a password of {LENGTH_MIN} to {LENGTH_MAX} characters that is not common and not the login."


class WrongPassword(Invalid):
    """The present password did not match."""

    code = "wrong_password"
    status = 403
    advice = "Enter the present password; if it is lost, ask an operator to set a new one."


def check_strength(login: str, password: str) -> None:
    """Raise WeakPassword unless the password may be used with this login."""
    if not LENGTH_MIN <= len(password) <= LENGTH_MAX or password.casefold() == login:
        raise WeakPassword("The password is too short, too long or equal to the login.", field="password")
    try:
        _common.validate(password)
    except ValidationError as error:
        raise WeakPassword("The password is among the most common ones.", field="password") from error


def change_password(user_id: UserId, present: str, new: str) -> None:
    """Change one's own password; other sessions of this user end. Raises UserNotFound, WrongPassword, WeakPassword."""
    row = UserRow.objects.select_for_update().filter(pk=user_id, active=True).first()
    if row is None:
        raise UserNotFound("No such user.")
    if not row.check_password(present):
        raise WrongPassword("The present password does not match.", field="present")
    _store(row, new)


def set_password(user_id: UserId, new: str) -> None:
    """Set somebody's password without knowing the present one: for operators. Raises UserNotFound, WeakPassword."""
    row = UserRow.objects.select_for_update().filter(pk=user_id).first()
    if row is None:
        raise UserNotFound("No such user.")
    _store(row, new)


def _store(row: UserRow, new: str) -> None:
    check_strength(row.login, new)
    UserRow.objects.filter(pk=row.pk).update(password=make_password(new), password_changed_at=clock.now())
