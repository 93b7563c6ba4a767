"""Pure decisions on commission: no database, clock, randomness or I/O."""

from .clawback import LineReversal, reverse_line
from .compiled import CompiledPlan, compile_plan
from .document import Fault, PlanDocumentError, parse_plan, write_plan
from .facts import PaidRange, paid_range
from .log import empty_trace
from .reader import is_storable

__all__ = [
    "CompiledPlan",
    "Fault",
    "LineReversal",
    "PaidRange",
    "PlanDocumentError",
    "compile_plan",
    "empty_trace",
    "is_storable",
    "paid_range",
    "parse_plan",
    "reverse_line",
    "write_plan",
]  # fmt: skip
