"""Callbacks and host functions in streams (contract_rt section 9)."""

import threading
from collections.abc import Callable

from aclsim.api.host import invalid
from aclsim.api.lookup import live_stream, or_default, target
from aclsim.api.types import CData, lib
from aclsim.core import codes
from aclsim.core.callback import BlockingCallback, Callback, Due, HostFunction, HostThread, Reporter
from aclsim.core.fault import Fault
from aclsim.core.stream import Stream
from aclsim.core.world import World

_MOST_REPORTERS = 1024  # RT14.04
_REPORT, _HOST_FUNCTION = "report", "host function"


def _bad(message: str) -> Fault:
    return Fault(codes.ACL_ERROR_RT_PARAM_INVALID, message)


def _subscription(message: str) -> Fault:
    return Fault(codes.ACL_ERROR_RT_STREAM_SUBSCRIBE, message)


def _served(world: World, stream: CData) -> Stream:
    """The stream whose callbacks are meant; only NULL, the default stream, needs a current context."""
    return live_stream(world, stream) or or_default(world, None)


def aclrtSubscribeReport(world: World, threadId: int, stream: CData) -> None:
    """RT9.01: the thread serves the stream's callbacks from now on; `threadId` is pthread_self's."""
    found = _served(world, stream)
    if found.callbacks == _HOST_FUNCTION:
        raise _subscription(f"{found!r} has host functions; it cannot have a thread subscribed too")
    if found.reporter is not None:
        raise _subscription(f"{found!r} has thread {found.reporter.thread} subscribed already")
    device = found.context.device
    reporter = world.reporters.get(threadId)
    if reporter is None:
        if len(world.reporters) >= _MOST_REPORTERS:
            raise Fault(codes.ACL_ERROR_RT_INTERNAL_ERROR, f"{_MOST_REPORTERS} threads are subscribed already")
        reporter = world.reporters[threadId] = Reporter(threadId, device)
    elif reporter.device is not device:
        raise Fault(
            codes.ACL_ERROR_RT_THREAD_SUBSCRIBE,
            f"thread {threadId} serves streams of device {reporter.device.number}; {found!r} is of {device.number}",
        )
    reporter.streams[found] = None
    found.reporter = reporter
    found.callbacks = _REPORT


def aclrtUnSubscribeReport(world: World, threadId: int, stream: CData) -> None:
    """RT9.02."""
    found = _served(world, stream)
    reporter = found.reporter
    if reporter is None:
        raise _subscription(f"{found!r} has no thread subscribed")
    if reporter.thread != threadId:
        raise Fault(
            codes.ACL_ERROR_RT_THREAD_SUBSCRIBE,
            f"{found!r} has thread {reporter.thread} subscribed, not {threadId}",
        )
    world.unsubscribe(found)


def aclrtLaunchCallback(world: World, fn: CData, userData: CData, blockType: int, stream: CData) -> None:
    """RT9.03: a task of the stream; the subscribed thread runs `fn` inside aclrtProcessReport."""
    if blockType not in (lib.ACL_CALLBACK_NO_BLOCK, lib.ACL_CALLBACK_BLOCK):
        raise invalid(f"blockType is {blockType}; it can be 0 (no block) or 1 (block)")
    found = live_stream(world, stream)
    if not fn:
        raise _bad("fn is NULL")
    if found is not None and found.callbacks == _HOST_FUNCTION:
        raise _subscription(f"{found!r} has host functions; it cannot have callbacks too")
    on = target(world, found)
    if on.reporter is None:
        raise Fault(
            codes.ACL_ERROR_RT_STREAM_NO_CB_REG, f"{on!r} has no thread subscribed; call aclrtSubscribeReport first"
        )
    kind = BlockingCallback if blockType == lib.ACL_CALLBACK_BLOCK else Callback
    world.scheduler.submit(kind(on, on.reporter, _bound(fn, userData)))


def _bound(function: CData, argument: CData) -> Callable[[], None]:
    def call() -> None:
        function(argument)

    return call


def aclrtProcessReport(world: World, timeout: int) -> None:
    """RT9.04: runs the due callbacks in the calling thread; `timeout` in ms, -1 for ever."""
    if timeout < -1 or timeout == 0:
        raise invalid(f"timeout is {timeout} ms; -1 (for ever) and positive values are legal")
    reporter = world.reporters.get(threading.get_ident())
    if reporter is None:
        raise Fault(
            codes.ACL_ERROR_RT_THREAD_SUBSCRIBE,
            "the calling thread is subscribed to no stream; aclrtSubscribeReport takes the id of this thread",
        )
    if not world.scheduler.until(Due(reporter), timeout):
        raise Fault(codes.ACL_ERROR_RT_REPORT_TIMEOUT, f"no callback was due within {timeout} ms of virtual time")
    # Those that are due now: what they bring about is for the next call.
    for callback in list(reporter.due):
        if callback not in reporter.due:
            continue  # its stream was aborted meanwhile
        del reporter.due[callback]
        try:
            with world.unlocked():
                callback.function()
        finally:
            if callback.detached:
                world.scheduler.end(callback, world.clock.now)


def aclrtLaunchHostFunc(world: World, stream: CData, fn: CData, args: CData) -> None:
    """RT9.05: a task of the stream that runs `fn` in a thread of the context and holds the stream meanwhile."""
    found = live_stream(world, stream)
    if not fn:
        raise _bad("fn is NULL")
    if found is not None and found.callbacks == _REPORT:
        raise _subscription(f"{found!r} has a thread subscribed; it cannot have host functions too")
    on = target(world, found)
    context = on.context
    if context.host_thread is None:
        context.host_thread = HostThread(f"host functions of the {context!r}")
    on.callbacks = _HOST_FUNCTION
    world.scheduler.submit(HostFunction(on, context.host_thread, _bound(fn, args)))
