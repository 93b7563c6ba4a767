"""One spelling for each login and phone number, so that equal things compare equal."""

from __future__ import annotations

import re
import unicodedata

_LOGIN = re.compile(r"[^\s@]{1,80}")


def normalize_login(text: str) -> str | None:
    """The stored spelling of a login (NFKC, lower case, at most 80 characters, no space and no '@'), or None if it is none."""
    login = unicodedata.normalize("NFKC", text).strip().casefold()
    return login if _LOGIN.fullmatch(login) and login.isprintable() else None


def split_account(text: str) -> tuple[str, str | None]:
    """``login@shop`` as login and tenant slug; without '@' the slug is None."""
    login, mark, slug = text.strip().rpartition("@")
    return (login, slug.casefold()) if mark else (slug, None)


def normalize_phone(text: str) -> str | None:
    """Digits with the country's prefix (``+8613800000000``), or None if this cannot be a telephone number.

    A mainland Chinese mobile number without prefix gets +86. ITU-T E.164: at most 15 digits.
    """
    compact = re.sub(r"[\s()\-.]", "", unicodedata.normalize("NFKC", text))
    if compact.startswith("00"):
        compact = "+" + compact[2:]
    if re.fullmatch(r"1[3-9]\d{9}", compact):
        compact = "+86" + compact
    return compact if re.fullmatch(r"\+[1-9]\d{5,14}", compact) else None
