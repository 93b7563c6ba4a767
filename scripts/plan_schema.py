"""Write docs/plan.schema.json, the JSON Schema of a plan document, from the types that check it."""

from __future__ import annotations

import json
from pathlib import Path

from banyan.earnings.commission.types.document import plan_schema

if __name__ == "__main__":
    target = Path(__file__).parents[1] / "docs" / "plan.schema.json"
    target.write_text(json.dumps(plan_schema(), ensure_ascii=False, indent=1) + "\n")
