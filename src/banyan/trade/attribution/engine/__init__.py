"""Pure decisions of attribution."""
