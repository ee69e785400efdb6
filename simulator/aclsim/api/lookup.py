"""From handles to objects."""

from aclsim.api.types import CData, address_of
from aclsim.core import codes
from aclsim.core.fault import Fault
from aclsim.core.handles import HandleTable, Item
from aclsim.core.stream import Stream
from aclsim.core.world import World


def live(world: World, table: HandleTable[Item], handle: CData, parameter: str) -> Item:
    """The object of a handle that is not NULL: gate G2 (contract_rt section 1).

    Raises:
        Fault: 107017 for a destroyed or foreign handle.
    """
    found = table.get(handle)
    if found is None:
        reason = world.explain_handle(address_of(handle), table.kind)
        raise Fault(codes.ACL_ERROR_RT_INVALID_HANDLE, f"{parameter}: {reason}")
    return found


def bad_timeout(timeout: int) -> Fault:
    """The answer to a timeout of 0 or below -1 (RT13.10)."""
    return Fault(
        codes.ACL_ERROR_RT_PARAM_INVALID, f"timeout is {timeout} ms; -1 (for ever) and positive values are legal"
    )


def live_stream(world: World, stream: CData) -> Stream | None:
    """The stream of a handle, None for NULL: gate G2 (contract_rt section 1).

    Raises:
        Fault: 107017 for a destroyed or foreign handle.
    """
    if not stream:
        return None
    return live(world, world.streams, stream, "stream")


def or_default(world: World, stream: Stream | None) -> Stream:
    """The stream itself, for None the default stream of the current context.

    Raises:
        Fault: 107002 when the thread has no current context.
    """
    context = world.current_context()
    if stream is not None:
        return stream
    if context.default_stream is None:  # contexts of IPV350 and torn down ones
        raise Fault(codes.ACL_ERROR_RT_PARAM_INVALID, f"stream is NULL and the {context!r} has no default stream")
    return context.default_stream


def own(world: World, stream: Stream | None) -> Stream:
    """The stream (None: the default stream), which must belong to the current context.

    Raises:
        Fault: 107002 without a current context, 107003 for a stream of another one.
    """
    stream = or_default(world, stream)
    if stream.context is not world.current_context():
        raise Fault(
            codes.ACL_ERROR_RT_STREAM_CONTEXT,
            f"{stream!r} is not of the calling thread's current context, a {world.current_context()!r}",
        )
    return stream


def target(world: World, stream: Stream | None) -> Stream:
    """The stream (None: the default stream) that a task is queued on.

    Raises:
        Fault: What `own` raises, and the failure that stuck to the context in STOP mode (RT13.02).
    """
    found = own(world, stream)
    if found.context.failure is not None:
        raise found.context.failure
    return found


def item(world: World, table: HandleTable[Item], handle: CData, parameter: str) -> Item:
    """The object behind a pointer to an ACL object.

    Raises:
        Fault: 100000 for NULL, and for a destroyed or foreign object (a choice: hardware reads freed memory there).
    """
    found = table.get(handle)
    if found is not None:
        return found
    if not handle:
        raise Fault(codes.ACL_ERROR_INVALID_PARAM, f"{parameter} is NULL")
    raise Fault(codes.ACL_ERROR_INVALID_PARAM, f"{parameter}: {world.explain_handle(address_of(handle), table.kind)}")
