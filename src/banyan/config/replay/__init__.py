"""`banyan replay`: a real shop's order stream through the same commands as production, day by day."""
