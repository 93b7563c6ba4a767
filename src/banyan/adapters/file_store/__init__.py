"""Photos as files below one directory, a folder per tenant."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


class FileStore:
    """A photo store (see ``trade.returns.ports``) on this machine's disk.

    A file is written beside its place and moved there, so that a crash leaves no half of it. Names are digits only: nothing
    that a caller says can leave the directory.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, tenant_id: int, name: str, content: bytes) -> None:
        """Keep it, durably. Raises ValueError on a name that is no number."""
        place = self._place(tenant_id, name)
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        number, temporary = tempfile.mkstemp(dir=place.parent)
        with os.fdopen(number, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, place)

    def get(self, tenant_id: int, name: str) -> bytes:
        """What was kept. Raises KeyError when there is nothing."""
        try:
            return self._place(tenant_id, name).read_bytes()
        except FileNotFoundError as error:
            raise KeyError(name) from error

    def _place(self, tenant_id: int, name: str) -> Path:
        if not (name.isascii() and name.isdigit()):
            raise ValueError(name)
        return self.root / str(int(tenant_id)) / name[-2:] / name
