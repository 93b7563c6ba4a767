"""How far it is between two regions, and which zone of a tariff that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import asin, cos, radians, sin, sqrt

from banyan.goods.sourcing.types import Zone

EARTH_KM = 6371
ROAD_PERCENT = 130
"""Roads are longer than the straight line: by about a third, the usual rule of thumb for China's motorways."""

Points = Mapping[str, tuple[float, float]]
"""Longitude and latitude in degrees by six-digit code."""


def point_of(points: Points, code: str) -> tuple[float, float] | None:
    """Where a division is: itself, else its prefecture, else its province; None when not even that is known."""
    for known in (code, f"{code[:4]}00", f"{code[:2]}0000"):
        if known in points:
            return points[known]
    return None


def road_km(points: Points, one: str, other: str) -> int | None:
    """Kilometres by road between two divisions, about; 0 within one prefecture; None when one of them is not known."""
    here, there = point_of(points, one), point_of(points, other)
    if here is None or there is None:
        return None
    (lon1, lat1), (lon2, lat2) = (tuple(map(radians, point)) for point in (here, there))
    half = sin((lat2 - lat1) / 2) ** 2 + cos(lat1) * cos(lat2) * sin((lon2 - lon1) / 2) ** 2
    return round(2 * EARTH_KM * asin(sqrt(half)) * ROAD_PERCENT / 100)


def zone_of(zones: Sequence[Zone], start: str, end: str, km: int | None) -> Zone:
    """The first zone that fits; a way of unknown length takes the last one. A tariff has at least one zone.

    A zone that names provinces is for goods that come from elsewhere into them.
    """
    for zone in zones:
        if zone.provinces:
            if end[:2] in zone.provinces and start[:2] != end[:2]:
                return zone
        elif zone.up_to_km is None or (km is not None and km <= zone.up_to_km):
            return zone
    return zones[-1]


def freight_minor(zone: Zone, grams: int) -> int:
    """First weight and each begun further weight."""
    further = max(0, grams - zone.first_grams)
    return zone.first_minor + -(-further // zone.step_grams) * zone.step_minor
