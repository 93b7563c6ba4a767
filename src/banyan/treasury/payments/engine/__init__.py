"""Pure decisions: what a notice means for what we know."""
