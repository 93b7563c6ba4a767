"""What every house stands on: tenancy, time, ids, SQL, events, jobs, idempotency, audit, secrets, HTTP."""
