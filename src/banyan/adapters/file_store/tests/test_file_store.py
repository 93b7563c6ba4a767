"""Photos on disk: what was put is got, by tenant, and no name leaves the directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from banyan.adapters.file_store import FileStore


def test_what_was_put_is_got_by_its_tenant_alone(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "media")
    store.put(1, "1234", b"one")
    store.put(1, "1234", b"one")
    store.put(2, "1234", b"two")
    assert (store.get(1, "1234"), store.get(2, "1234")) == (b"one", b"two")
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 2
    with pytest.raises(KeyError):
        store.get(3, "1234")


@pytest.mark.parametrize("name", ["../1", "1/2", "", "a", "１２"])
def test_no_name_leaves_the_directory(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        FileStore(tmp_path).put(1, name, b"x")
    assert list(tmp_path.rglob("*")) == []
