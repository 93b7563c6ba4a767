"""What `banyan bench` measures: one module for each bench, with `run(...)`."""
