"""Pure arithmetic of prices."""
