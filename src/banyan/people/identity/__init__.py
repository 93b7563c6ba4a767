"""Who may sign in, with which roles and scopes."""
