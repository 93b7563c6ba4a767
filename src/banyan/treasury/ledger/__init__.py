"""The double-entry ledger: accounts, balanced entries, immutable postings, guarded balances."""
