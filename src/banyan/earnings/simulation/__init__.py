"""What a plan would have cost: a draft over past orders, beside what was in force."""
