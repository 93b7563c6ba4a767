"""What an order costs: pure arithmetic, exact to the minor unit."""
