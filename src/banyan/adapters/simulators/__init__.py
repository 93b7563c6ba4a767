"""Simulators: stateful counterparts that speak an outside system's real protocol over HTTP."""
