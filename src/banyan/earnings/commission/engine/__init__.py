"""Pure decisions on commission: no database, clock, randomness or I/O."""

from .clawback import LineReversal, reverse_line
from .compiled import CompiledPlan, compile_plan
from .differing import Change, differences
from .document import parse_plan, write_plan
from .facts import PaidRange, paid_range
from .faults import Fault, PlanDocumentError
from .legalizing import nearest_lawful
from .log import empty_trace
from .nesting import accept_plan
from .proof import Case, Proof, prove, worst_at
from .sale_classes import Goods, Sale

__all__ = [
    "Case",
    "Change",
    "CompiledPlan",
    "Fault",
    "Goods",
    "LineReversal",
    "PaidRange",
    "PlanDocumentError",
    "Proof",
    "Sale",
    "accept_plan",
    "compile_plan",
    "differences",
    "empty_trace",
    "nearest_lawful",
    "paid_range",
    "parse_plan",
    "prove",
    "reverse_line",
    "worst_at",
    "write_plan",
]  # fmt: skip
