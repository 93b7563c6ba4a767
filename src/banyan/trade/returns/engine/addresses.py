"""Where goods are sent back to: pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from banyan.trade.returns.types import AddressRule


def choose_address(rules: Iterable[AddressRule], categories: Collection[int], mode: str, region_code: str) -> AddressRule | None:
    """The rule that fits: the most specific one (category, kind of return, then the longer region), then the lower priority.

    `categories` are those of all returned goods with their parents; a rule for a category fits where all the goods lie below it,
    so the caller passes what they have in common.
    """

    def fits(rule: AddressRule) -> bool:
        return (
            (rule.category_id is None or rule.category_id in categories)
            and rule.mode in ("", mode)
            and region_code.startswith(rule.region_code)
        )

    def rank(rule: AddressRule) -> tuple[bool, bool, int, int, int]:
        return (rule.category_id is None, rule.mode == "", -len(rule.region_code), rule.priority, rule.rule_id or 0)

    return min(filter(fits, rules), key=rank, default=None)
