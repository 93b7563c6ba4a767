"""Runs PostgreSQL, Valkey, web and worker as children of one process. Nothing here imports Django."""
