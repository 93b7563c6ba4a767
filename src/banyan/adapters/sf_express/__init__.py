"""SF Express (顺丰) as a carrier: waybills, labels, tracks and signed pushes."""

from .carrier import SfExpressCarrier
from .settings import SfExpressSettings

CARRIER = "sf_express"
"""The carrier's name in this installation."""

__all__ = ["CARRIER", "SfExpressCarrier", "SfExpressSettings"]
