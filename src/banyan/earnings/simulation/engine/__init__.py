"""Pure: plans decided fast where that is certain, how decisions add up, and what the sums say."""

from .closing import add_payments
from .outcome import summarize
from .quick import Goods, Quick, quick_of
from .tallying import Counter, merge

__all__ = ["Counter", "Goods", "Quick", "add_payments", "merge", "quick_of", "summarize"]
