"""Orders from placing to closing: the hot path of the shop."""
