"""What can be done with users, tokens and sessions. Every function runs inside an entered tenant, save ``sign_in``."""

from banyan.people.identity.commands.passwords import change_password, set_password
from banyan.people.identity.commands.platform import found_platform
from banyan.people.identity.commands.shops import open_shop, require_platform
from banyan.people.identity.commands.signing_in import (
    SignInRefused,
    TooManyAttempts,
    forget_old_attempts,
    lift_lock,
    note_sign_up,
    sign_in,
)
from banyan.people.identity.commands.tokens import (
    ScopeNotHeld,
    TokenNotFound,
    issue_token,
    revoke_presented,
    revoke_token,
    revoke_tokens_of,
)
from banyan.people.identity.commands.users import (
    LoginTaken,
    grant_role,
    register_users,
    set_active,
    set_roles,
    update_profile,
    withdraw_role,
)
from banyan.people.identity.commands.visits import VISIT_TOKEN_LIFE, begin_visit, end_visit, issue_visit_token, leave_shop

__all__ = [
    "VISIT_TOKEN_LIFE",
    "LoginTaken",
    "ScopeNotHeld",
    "SignInRefused",
    "TokenNotFound",
    "TooManyAttempts",
    "begin_visit",
    "change_password",
    "end_visit",
    "forget_old_attempts",
    "found_platform",
    "grant_role",
    "issue_token",
    "issue_visit_token",
    "leave_shop",
    "lift_lock",
    "note_sign_up",
    "open_shop",
    "register_users",
    "require_platform",
    "revoke_presented",
    "revoke_token",
    "revoke_tokens_of",
    "set_active",
    "set_password",
    "set_roles",
    "sign_in",
    "update_profile",
    "withdraw_role",
]
