"""The real who-brought-whom forest of another shop, and the made-up join of our customers to it."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from .stream import SourceMissing

JOIN_NOTE = (
    "The shop's customers and the forest's users are different people: each customer was given a user of the forest by a hash, "
    "so who earned on whom is made up."
)


@dataclass
class Forest:
    """``seat`` gives each customer his forest user; ``parent`` holds the users that matter, parents before children."""

    seat: dict[int, int]
    parent: dict[int, int | None]
    downline: dict[int, int]
    """How many people of the whole forest stand below each of these users."""
    user_count: int

    @property
    def distributors(self) -> list[int]:
        """Everybody who stands above somebody that matters, parents before children."""
        above = {parent for parent in self.parent.values() if parent is not None}
        return [user for user in self.parent if user in above]


def read_forest(folder: Path) -> dict[int, int | None]:
    """user → who brought him (None for a root)."""
    try:
        import pyarrow.parquet as parquet
    except ImportError:
        raise SourceMissing("This needs pyarrow: pip install 'banyan[replay]' (it is in the development lock).") from None
    path = folder / "first_join_forest.parquet"
    if not path.exists():
        raise SourceMissing(f"There is no {path}. The forest is expected as first_join_forest.parquet in the --network folder.")
    table = parquet.read_table(path, columns=["user", "parent"])
    users, parents = table["user"].to_pylist(), table["parent"].to_pylist()
    return {user: (parent if parent >= 0 else None) for user, parent in zip(users, parents, strict=True)}


def _scattered(customer: int) -> bytes:
    return blake2b(str(customer).encode(), digest_size=8, key=b"banyan-replay").digest()


def hang(customers: list[int], everybody: dict[int, int | None]) -> Forest:
    """Give each customer one user of the forest, roots included, so that depths come in the forest's own proportions."""
    users = sorted(everybody)
    if len(customers) > len(users):
        raise SourceMissing(f"The forest has {len(users)} users for {len(customers)} customers.")
    step = len(users) // max(len(customers), 1)
    ordered = sorted(customers, key=_scattered)
    seat = {customer: users[position * step] for position, customer in enumerate(ordered)}
    chains: dict[int, int | None] = {}
    for user in seat.values():
        chain: list[int] = []
        one: int | None = user
        while one is not None and one not in chains:
            chain.append(one)
            one = everybody[one]
        for member in reversed(chain):
            chains[member] = everybody[member]
    below = _count_below(everybody)
    return Forest(seat, chains, {user: below[user] for user in chains}, len(users))


def _count_below(everybody: dict[int, int | None]) -> dict[int, int]:
    """Size of each downline, by taking leaves off until nothing is left."""
    children = dict.fromkeys(everybody, 0)
    for parent in everybody.values():
        if parent is not None:
            children[parent] += 1
    below = dict.fromkeys(everybody, 0)
    ready = [user for user, count in children.items() if count == 0]
    while ready:
        user = ready.pop()
        parent = everybody[user]
        if parent is not None:
            below[parent] += below[user] + 1
            children[parent] -= 1
            if children[parent] == 0:
                ready.append(parent)
    return below
