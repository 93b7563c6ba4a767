"""Pure decisions on commission: no database, clock, randomness or I/O."""

from .clawback import LineReversal, reverse_line
from .compiled import CompiledPlan, compile_plan
from .differing import Change, differences
from .document import parse_plan, write_plan
from .facts import PaidRange, paid_range
from .faults import Fault, PlanDocumentError
from .legalizing import nearest_lawful
from .log import empty_trace

__all__ = [
    "Change",
    "CompiledPlan",
    "Fault",
    "LineReversal",
    "PaidRange",
    "PlanDocumentError",
    "compile_plan",
    "differences",
    "empty_trace",
    "nearest_lawful",
    "paid_range",
    "parse_plan",
    "reverse_line",
    "write_plan",
]  # fmt: skip
