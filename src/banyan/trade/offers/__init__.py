"""Flash sales: a special price for a while, so many per person, of a share of the stock, with a queue in front."""
