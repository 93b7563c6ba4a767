"""``python -m banyan.adapters.simulators.wechat_pay --port 8790``: the simulator as a process of its own."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from pathlib import Path

from .keys import load_or_create
from .simulator import WeChatPaySimulator


def run(port: int, secrets_folder: Path, file: Path | None, pay_at_once: bool, confirm_at_once: bool) -> None:
    """Serve until SIGTERM or Ctrl-C. Prints one line with the address; never a key."""
    simulator = WeChatPaySimulator(load_or_create(secrets_folder), port=port, file=file)
    simulator.set_habits(pay_at_once=pay_at_once, confirm_at_once=confirm_at_once)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with simulator:
        sys.stdout.write(f"WeChat Pay simulator on {simulator.base_url} (merchant {simulator.keys.mchid}, verbs under /_sim/)\n")
        sys.stdout.flush()
        stop.wait()


def main() -> None:
    home = Path(os.environ.get("BANYAN_HOME") or Path.cwd() / "var")
    parser = argparse.ArgumentParser(prog="wechat_pay", description="WeChat Pay API v3 simulator on localhost")
    parser.add_argument("--port", type=int, default=8790, help="0 takes a free port")
    parser.add_argument("--secrets", type=Path, default=home / "secrets", help="folder of the sandbox keys, made at first use")
    parser.add_argument("--file", type=Path, default=None, help="SQLite file that keeps the state (default: memory)")
    parser.add_argument("--pay-at-once", action="store_true", help="payers pay by themselves")
    parser.add_argument("--confirm-at-once", action="store_true", help="payees confirm transfers by themselves")
    values = parser.parse_args()
    run(values.port, values.secrets, values.file, values.pay_at_once, values.confirm_at_once)


if __name__ == "__main__":
    main()
