"""A stateful SF Express counterpart that speaks the platform's protocol over HTTP on localhost."""

from banyan.adapters.simulators.wechat_pay.faults import Effect, Fault

from .simulator import PushPolicy, SfExpressSimulator

__all__ = ["Effect", "Fault", "PushPolicy", "SfExpressSimulator"]
