"""The operators' console: pages that join several houses, on django-unfold."""
