"""How actors run and tell time.

Holds no trading rule; actors are written against what is exported here.
"""

from genesis_actors.runtime.actor import ActorFailed, Address, Fanout, MessageActor
from genesis_actors.runtime.clock import Clock, SystemClock, TimerHandle, VirtualClock
from genesis_actors.runtime.dispatcher import ACTOR_DECIMAL_CONTEXT, DispatcherKind
from genesis_actors.runtime.pykka_actor import PooledActor
from genesis_actors.runtime.replies import ReplyBox
from genesis_actors.runtime.simulation import DeterministicRuntime
from genesis_actors.runtime.system import Runtime, SystemRuntime

__all__ = [
    "ACTOR_DECIMAL_CONTEXT",
    "ActorFailed",
    "Address",
    "Clock",
    "DeterministicRuntime",
    "DispatcherKind",
    "Fanout",
    "MessageActor",
    "PooledActor",
    "ReplyBox",
    "Runtime",
    "SystemClock",
    "SystemRuntime",
    "TimerHandle",
    "VirtualClock",
]
