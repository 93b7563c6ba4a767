"""Who may earn: applications, standing and tier as dated facts."""
