"""Where the goods are: warehouses, guarded stock levels, reservations, movements."""
