"""What the shop sells: categories, products (SPU), SKUs and their dated prices."""
