"""`banyan up`, `banyan down`, `banyan status`."""

from __future__ import annotations

import os
import signal
import time
from typing import Annotated

import typer

from banyan.kernel.supervisor import places
from banyan.kernel.supervisor.errors import SupervisorError


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(up)
    app.command()(down)
    app.command()(status)


def up(
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for every interface.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; the next free one when it is taken.")] = 8000,
    simulator: Annotated[bool, typer.Option("--simulator", help="Also run WeChat Pay's simulator: play money only.")] = False,
) -> None:
    """Run everything: database, cache, web and worker, until Ctrl-C."""
    from banyan.kernel.supervisor.simulator import refuse_beside_a_merchant
    from banyan.kernel.supervisor.supervisor import Supervisor

    if simulator:
        refuse_beside_a_merchant(os.environ)
    supervisor = Supervisor(
        places.default_home(), host=host, port=port, simulated=simulator, say=lambda line: print(line, flush=True)
    )
    supervisor.stop_on_signals()
    supervisor.start()
    if not supervisor.stopping:
        print(f"\nBanyan is up: {supervisor.web.url if supervisor.web else ''}   (Ctrl-C stops it)", flush=True)
    supervisor.run()
    print("\nStopping …", flush=True)
    supervisor.stop()
    print("Stopped.", flush=True)


def down(seconds: Annotated[float, typer.Option(help="How long to wait for it.")] = 120.0) -> None:
    """Stop the Banyan that runs on this home."""
    home = places.default_home()
    services = places.read_services(home)
    if not places.is_owned(home):
        print(f"Nothing runs on {home}.")
        return
    if services is None:
        raise SupervisorError(f"{home} is in use, but by a process that is only starting or stopping.", "Try again in a moment.")
    os.kill(services.pid, signal.SIGTERM)
    deadline = time.monotonic() + seconds
    while places.is_owned(home):
        if time.monotonic() > deadline:
            raise SupervisorError(f"Process {services.pid} has not stopped after {seconds:.0f} s.", "See the logs in the home.")
        time.sleep(0.1)
    print("Stopped.")


def status() -> None:
    """Say what runs on this home."""
    home = places.default_home()
    services = places.read_services(home) if places.is_owned(home) else None
    if services is None:
        print(f"Nothing runs on {home}.")
        raise typer.Exit(3)
    print(f"{services.kind}: process {services.pid}{f', {services.web_url}' if services.web_url else ''}")
    for name, pid in services.children.items():
        print(f"  {name}: process {pid}")
