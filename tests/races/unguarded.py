"""The web process of a careless shop, for the negative control: it looks at the stock, then takes it, and locks nothing."""

from banyan.config.rsgi import application
from banyan.goods.inventory.commands import holding

holding.LOCK_LEVELS = holding.LOCK_LEVELS.replace("FOR UPDATE OF s", "")
holding.GUARD = ""

__all__ = ["application"]
