"""A stateful WeChat Pay API v3 counterpart that speaks the real protocol over HTTP on localhost."""

from .faults import Effect, Fault
from .keys import SandboxKeys, generate, load_or_create
from .simulator import WeChatPaySimulator
from .world import CallbackPolicy, Habits

__all__ = ["CallbackPolicy", "Effect", "Fault", "Habits", "SandboxKeys", "WeChatPaySimulator", "generate", "load_or_create"]
