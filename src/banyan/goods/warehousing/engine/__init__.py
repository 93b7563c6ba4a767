"""Pure decisions of warehousing."""
