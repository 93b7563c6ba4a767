"""What can be done with the network and with bindings."""

from banyan.people.network.commands.binding import NotBound, bind, set_binding_settings, unbind
from banyan.people.network.commands.joining import join
from banyan.people.network.commands.moving import BackdatedMove, Circle, move

__all__ = ["BackdatedMove", "Circle", "NotBound", "bind", "join", "move", "set_binding_settings", "unbind"]
