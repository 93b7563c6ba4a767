"""The kernel's tables, gathered where Django looks for them."""

from banyan.kernel.audit.models import AuditEntry, AuditSeal
from banyan.kernel.events.models import OutboxEvent, ReactionCursor, SetAsideEvent
from banyan.kernel.idempotency.models import IdempotencyRecord
from banyan.kernel.jobs.models import JobRun
from banyan.kernel.tenancy.models import TenantRow

__all__ = [
    "AuditEntry",
    "AuditSeal",
    "IdempotencyRecord",
    "JobRun",
    "OutboxEvent",
    "ReactionCursor",
    "SetAsideEvent",
    "TenantRow",
]
