"""Pure decisions on commission: no database, clock, randomness or I/O."""

from .clawback import Reversal, reverse_line
from .compiled import CompiledPlan, compile_plan
from .document import Fault, PlanDocumentError, parse_plan, write_plan
from .facts import PaidRange, paid_range

__all__ = [
    "CompiledPlan", "Fault", "PaidRange", "PlanDocumentError", "Reversal", "compile_plan", "paid_range", "parse_plan",
    "reverse_line", "write_plan",
]  # fmt: skip
