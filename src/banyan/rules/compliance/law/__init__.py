"""Package files only: one YAML file per jurisdiction, and `sandbox.yaml`."""
