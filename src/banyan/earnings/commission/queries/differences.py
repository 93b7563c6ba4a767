"""The difference between two versions in words, in the language that is active."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from banyan.earnings.commission.engine import Change, PlanDocumentError, differences, parse_plan, write_plan
from banyan.earnings.commission.queries.documents import outward
from banyan.earnings.commission.queries.plan_words import condition_words, member_words, value_words
from banyan.kernel.tenancy import current_tenant_id, get_tenant
from banyan.kernel.values.money import format_minor, format_rate

_CONTAINERS = ("amount", "pays", "caps", "terms", "when")
_CHOICES = frozenset({
    "unqualified", "to", "basis", "per", "by", "figure", "period", "mode", "sales", "weight", "scope", "min_tier", "budget_per",
    "groups", "payee_tier", "seller_tier", "peer",
})  # fmt: skip
"""Members whose values are words of ours; all other texts are the shop's own."""
_BARE = ("kind", "to", "rate_bp", "minor")
"""Members that need no name where their kind stands before them."""


def describe_differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """One sentence for each change, in the words of the plan editor; none where the documents say the same."""
    old, new = outward(_canonical(before)), outward(_canonical(after))
    titles = {rule["key"]: rule.get("title") or rule["key"] for each in (old, new) for rule in each.get("rules", ())}
    teller = _Teller(get_tenant(current_tenant_id()).currency, titles)
    return [teller.sentence(each) for each in differences(old, new)]


def list_changes(before: dict[str, Any], after: dict[str, Any]) -> list[dict[str, Any]]:
    """Each change with its place: the rule ("" for the plan itself), the path in it, and both sides."""
    return [
        {"rule": each.rule, "path": each.path, "before": each.before, "after": each.after}
        for each in differences(outward(_canonical(before)), outward(_canonical(after)))
    ]


def _canonical(document: dict[str, Any]) -> dict[str, Any]:
    """As the database keeps it, so that what is said by saying nothing is no difference; what is no plan is left as it is."""
    try:
        return write_plan(parse_plan(document))
    except PlanDocumentError:
        return document


class _Teller:
    """Says changes in the language that is active."""

    def __init__(self, currency: str, titles: dict[str, str]) -> None:
        self.currency, self.titles = currency, titles
        self.members, self.values, self.conditions = member_words(), value_words(), condition_words()

    def sentence(self, change: Change) -> str:
        """One change."""
        title = self.titles.get(change.rule, change.rule)
        if change.is_whole_rule:
            rule = change.after or change.before
            said = (self._said("pays", rule.get("pays")), self._said("amount", rule.get("amount")))
            place = {"rule": title, "amount": _(", ").join(said)}
            if change.before is None:
                return _("New rule “%(rule)s”: %(amount)s.") % place
            return _("Rule “%(rule)s” is gone: %(amount)s.") % place
        steps = change.path.split(".")
        member = "peer" if steps[-1] == "of" and "peer" in steps else steps[0] if steps[0] == "groups" else steps[-1]
        if steps[-2:-1] == ["rates_bp"]:
            member = "rates_bp"
        words = {
            "rule": title,
            "what": self._place(steps),
            "before": self._said(member, change.before),
            "after": self._said(member, change.after),
        }
        if not change.rule:
            return _("Plan, %(what)s: %(before)s → %(after)s.") % words
        return _("Rule “%(rule)s”, %(what)s: %(before)s → %(after)s.") % words

    def _place(self, steps: list[str]) -> str:
        """What changed, without the container that everybody expects it in."""
        if steps == ["pays", "to"]:
            return _within(self.members["pays"])
        named = steps[1:] if len(steps) > 1 and steps[0] in _CONTAINERS and steps[0] != "when" else steps
        return _(", ").join(_within(self._name(step, asked=steps[0] == "when")) for step in named)

    def _name(self, step: str, *, asked: bool = False) -> str:
        first, second = (self.conditions, self.members) if asked else (self.members, self.conditions)
        return first.get(step) or second.get(step) or self.values.get(step, step)

    def _said(self, member: str, value: Any, *, asked: bool = False) -> str:
        """A value of this member: money, a rate, a choice in words, or what it is made of."""
        asked = asked or member == "when"
        match value:
            case None:
                return _("none")
            case bool():
                return _("yes") if value else _("no")
            case int() if member.endswith("_bp"):
                return format_rate(value)
            case int() if member.endswith("minor"):
                return format_minor(value, self.currency)
            case list():
                mark = _("; ") if any(isinstance(each, dict) for each in value) else _(", ")
                return mark.join(self._said(member, each, asked=asked) for each in value)
            case dict():
                return self._made_of(member, value, asked=asked)
            case str() if member in _CHOICES:
                return _quoted(_within(self.values.get(value) or self.members.get(value, value)))
        return str(value)

    def _made_of(self, member: str, value: dict[str, Any], *, asked: bool) -> str:
        if member in ("pays", "amount"):
            kind = str(value.get("to" if member == "pays" else "kind", ""))
            bare = [self._said(name, value[name]) for name in _BARE[2:] if name in value]
            named = [self._part(name, each, asked=False) for name, each in value.items() if name not in _BARE]
            said = " ".join([_within(self.values.get(kind, kind)), *bare])
            return _with(said, _(", ").join(named)) if named else said
        if member == "peer" and "of" in value:  # elsewhere "of" names a group
            value = {**value, "of": self._said("peer", value["of"])}
        if member in ("rates_bp", "tier_weights", "groups"):
            return _(", ").join(f"{self._name(name)} {self._said(member, each)}" for name, each in value.items())
        return _(", ").join(
            self._said(name, each) if name in _BARE else self._part(name, each, asked=asked) for name, each in value.items()
        )

    def _part(self, name: str, value: Any, *, asked: bool) -> str:
        said = self._said(name, value, asked=asked)
        place = _within(self._name(name, asked=asked))
        return _with(place, said) if isinstance(value, dict) else f"{place} {said}"


def _with(words: str, more: str) -> str:
    return _("%(words)s (%(more)s)") % {"words": words, "more": more}


def _within(words: str) -> str:
    """As it stands inside of a sentence: a small letter, unless the word is written in capitals."""
    return words if words[1:2].isupper() else words[:1].lower() + words[1:]


def _quoted(words: str) -> str:
    """Words with a colon of their own are told apart from the sentence's."""
    return f"“{words}”" if ":" in words or "：" in words else words
