"""The command `banyan`. Each tool is a module in `banyan.config.tools` with `register(app)`; it imports Django late."""

from __future__ import annotations

import sys
from importlib import import_module
from pkgutil import iter_modules

import typer

from banyan.config import tools
from banyan.kernel.supervisor.errors import SupervisorError


def build() -> typer.Typer:
    """The command with every tool found."""
    app = typer.Typer(
        name="banyan",
        help="Banyan (榕): a distribution mall whose every cent can be explained.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )

    @app.callback()
    def options() -> None:
        """Banyan (榕): a distribution mall whose every cent can be explained."""

    for module in sorted(iter_modules(tools.__path__), key=lambda found: found.name):
        if module.name.startswith("bench_"):
            continue  # a part of `banyan bench`, which imports it when Django is ready
        registered = import_module(f"{tools.__name__}.{module.name}")
        if hasattr(registered, "register"):
            registered.register(app)
    return app


def main() -> None:
    """Run the command; a known problem is told in words, without a traceback."""
    try:
        build()(prog_name="banyan")
    except SupervisorError as error:
        print(f"banyan: {error.message}", file=sys.stderr)
        if error.advice:
            print(f"        {error.advice}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
