"""Banyan (榕): a distribution mall whose every cent can be explained."""
