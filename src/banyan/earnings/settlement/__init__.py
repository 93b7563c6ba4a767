"""Who is paid what, and when: periods, statements, review, payout."""
