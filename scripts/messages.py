"""The console's words in Chinese, without GNU gettext.

    python scripts/messages.py missing    # what the sources and unfold say that django.po does not
    python scripts/messages.py compile    # django.po → django.mo (both are committed)

`missing` reads Python by syntax tree and templates by Django's own templatizer. Words that are built at run time
(states, tiers) cannot be seen by it: they are listed in django.po under "states".
"""

from __future__ import annotations

import ast
import re
import struct
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "banyan"
PO = SOURCE / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"
CONTEXT = "\x04"
"""Between the context of a message and the message, as in a compiled catalog."""
CALLS = {"_", "gettext", "gettext_lazy", "ngettext", "ngettext_lazy", "Filled"}
"""Filled: a text with values, whose template is translated where a screen shows it."""
CONTEXT_CALLS = {"pgettext", "pgettext_lazy"}
TEMPLATE_CALL = re.compile(
    r"\bn?gettext\(\s*(u?'(?:\\.|[^'\\])*'|u?\"(?:\\.|[^\"\\])*\")(?:\s*,\s*(u?'(?:\\.|[^'\\])*'|u?\"(?:\\.|[^\"\\])*\"))?"
)
FILTER_TEXT = re.compile(r"_\(\s*('(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\")\s*\)")


def read_po(path: Path) -> dict[str, list[str]]:
    """msgid (after its context, where it has one) → its translations (one, or one per plural form)."""
    found: dict[str, list[str]] = {}
    current: list[str] = []
    field = ""
    entry: dict[str, str] = {}

    def close() -> None:
        if "msgid" in entry:
            forms = [entry[key] for key in sorted(entry) if key.startswith("msgstr")]
            key = f"{entry['msgctxt']}{CONTEXT}{entry['msgid']}" if "msgctxt" in entry else entry["msgid"]
            found[key] = forms if "msgid_plural" not in entry else [entry["msgid_plural"], *forms]

    for line in path.read_text(encoding="utf-8").splitlines():
        text = line.strip()
        if text.startswith("msgctxt ") or (text.startswith("msgid ") and "msgid" in entry):
            close()
            entry = {}
        match = re.match(r"(msgctxt|msgid|msgid_plural|msgstr(?:\[\d\])?)\s+(\".*\")$", text)
        if match:
            field = match.group(1)
            entry[field] = ast.literal_eval(match.group(2))
        elif text.startswith('"') and field:
            entry[field] += ast.literal_eval(text)
        current.append(text)
    close()
    return found


def _is_plural(forms: list[str]) -> bool:
    return len(forms) > 1


def compile_po(po: Path) -> bytes:
    """The .mo bytes. Chinese has one plural form."""
    pairs = []
    for msgid, forms in read_po(po).items():
        if _is_plural(forms):
            pairs.append((f"{msgid}\0{forms[0]}".encode(), forms[1].encode()))
        elif forms and (forms[0] or not msgid):
            pairs.append((msgid.encode(), forms[0].encode()))
    pairs.sort()
    keys_start = 7 * 4
    offset = keys_start + 16 * len(pairs)
    keys, values, blob = [], [], b""
    for key, _value in pairs:
        keys.append((len(key), offset + len(blob)))
        blob += key + b"\0"
    for _key, value in pairs:
        values.append((len(value), offset + len(blob)))
        blob += value + b"\0"
    head = struct.pack("<7I", 0x950412DE, 0, len(pairs), keys_start, keys_start + 8 * len(pairs), 0, 0)
    return head + b"".join(struct.pack("<2I", *one) for one in keys + values) + blob


def python_words(path: Path) -> set[str]:
    """Constant arguments of translating calls."""
    words = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if name in CALLS and node.args and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str):
                words.add(node.args[0].value)
            elif name in CONTEXT_CALLS and all(isinstance(each, ast.Constant) for each in node.args[:2]):
                words.add(CONTEXT.join(str(each.value) for each in node.args[:2] if isinstance(each, ast.Constant)))
    return words


def template_words(path: Path) -> set[str]:
    """What translate and blocktranslate tags and `_("…")` filters say."""
    from django.utils.translation.template import templatize

    text = path.read_text(encoding="utf-8")
    words = {ast.literal_eval(match.group(1)) for match in TEMPLATE_CALL.finditer(templatize(text))}
    return words | {ast.literal_eval(match.group(1)) for match in FILTER_TEXT.finditer(text)}


def needed() -> dict[str, str]:
    """Every visible msgid of ours and of unfold → where it was first seen."""
    import unfold

    found: dict[str, str] = {}
    django_words = _django_words()
    for base, ours in ((SOURCE, True), (Path(unfold.__file__).parent, False)):
        for path in sorted([*base.rglob("*.py"), *base.rglob("*.html")]):
            parts = path.relative_to(base).parts
            if "tests" in parts or "migrations" in parts or (not ours and "contrib" in parts and "filters" not in parts):
                continue
            words = python_words(path) if path.suffix == ".py" else template_words(path)
            for word in words:
                if ours or word not in django_words:
                    found.setdefault(word, "/".join(parts))
    return {word: place for word, place in found.items() if word.strip()}


def _django_words() -> set[str]:
    """What Django's own Chinese catalogs already say."""
    import gettext

    import django

    words: set[str] = set()
    for name in ("conf", "contrib/admin", "contrib/auth"):
        path = Path(django.__file__).parent / name / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.mo"
        with path.open("rb") as file:
            catalog = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
        words |= {key if isinstance(key, str) else key[0] for key, value in catalog.items() if value}
    return words


def missing() -> dict[str, str]:
    """msgids without a Chinese word in our catalog (nor, for words we share with Django, in Django's)."""
    known = {msgid for msgid, forms in read_po(PO).items() if any(forms)} | _django_words()
    return {word: place for word, place in needed().items() if word not in known}


def main() -> int:
    """Run one of the two commands."""
    if sys.argv[1:] == ["compile"]:
        PO.with_suffix(".mo").write_bytes(compile_po(PO))
        return 0
    if sys.argv[1:] == ["missing"]:
        for word, place in sorted(missing().items(), key=lambda one: (one[1], one[0])):
            sys.stdout.write(f"{word!r}  ({place})\n")
        return 0
    raise SystemExit(__doc__)


if __name__ == "__main__":
    raise SystemExit(main())
