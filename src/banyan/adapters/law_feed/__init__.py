"""A feed of the law over HTTP: `GET {url}?after=N` answers {"updates": [envelope, …]}. See README.md."""

from banyan.adapters.law_feed.client import HttpLawFeed, parse_keys

__all__ = ["HttpLawFeed", "parse_keys"]
