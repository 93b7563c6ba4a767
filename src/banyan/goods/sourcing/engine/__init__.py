"""Which warehouse serves what: pure."""
