"""Simulation as a Django app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SimulationConfig(AppConfig):
    """Runs of a plan over past orders."""

    name = "banyan.earnings.simulation"
    label = "simulation"
    verbose_name = _("Simulation")
