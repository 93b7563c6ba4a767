"""Pure decisions of fulfillment."""
