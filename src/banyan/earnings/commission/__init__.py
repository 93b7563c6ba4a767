"""Who earns what on a paid order: plans, accruals, reversals and releases."""
