"""Whom an order is owed to: links, codes, bindings, and the snapshot frozen at payment."""
