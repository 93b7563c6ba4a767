"""The tools of the command `banyan`: one module each, with `register(app: typer.Typer)`. Heavy imports go inside the commands."""
