"""Fulfillment: what leaves which warehouse for whom, in which parcel, and where it is."""
