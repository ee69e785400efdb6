"""Contexts (contract_rt section 4)."""

from aclsim.api.host import null, on_host
from aclsim.api.types import CData, address_of
from aclsim.core import codes
from aclsim.core.context import Context
from aclsim.core.fault import Fault
from aclsim.core.world import World


def aclrtCreateContext(world: World, context: CData, deviceId: int) -> None:
    """RT4.01: an explicit context with a default stream, current in this thread."""
    on_host(context, "context")
    made = world.create_context(world.device(deviceId), primary=False)
    world.thread.context = made
    context[0] = made.handle


def aclrtDestroyContext(world: World, context: CData) -> None:
    """RT4.02: the context's streams go with it, their work is finished first."""
    if not context:
        raise null("context")
    found = world.contexts.get(context)
    if found is None:
        raise Fault(codes.ACL_ERROR_RT_CONTEXT_NULL, f"context: {_explain(world, context)}")
    if found.primary:
        raise Fault(
            codes.ACL_ERROR_RT_CONTEXT_NULL,
            f"context is the {found!r}; only aclrtResetDevice takes a primary context down",
        )
    if found.dying:
        raise Fault(
            codes.ACL_ERROR_RT_CONTEXT_RELEASE_ERROR, f"context is an {found!r} that another thread is destroying"
        )
    found.dying = True
    try:
        world.destroy_context(found)
    finally:
        found.dying = False


def _explain(world: World, context: CData) -> str:
    return world.explain_handle(address_of(context), "context")


def aclrtSetCurrentContext(world: World, context: CData) -> None:
    """RT4.03: also switches the device."""
    if not context:
        raise null("context")
    found: Context | None = world.contexts.get(context)
    if found is None:
        raise Fault(codes.ACL_ERROR_RT_PARAM_INVALID, f"context: {_explain(world, context)}")
    world.thread.context = found


def aclrtGetCurrentContext(world: World, context: CData) -> None:
    """RT4.04: its 107002 is not written to the last error."""
    on_host(context, "context")
    try:
        current = world.current_context()
    except Fault as fault:
        raise Fault(fault.code, fault.message, quiet=True) from None
    context[0] = current.handle


def aclrtCtxGetCurrentDefaultStream(world: World, stream: CData) -> None:
    """RT4.05."""
    on_host(stream, "stream")
    default = world.current_context().default_stream
    if default is None:  # pragma: no cover - live contexts have one
        raise Fault(codes.ACL_ERROR_RT_PARAM_INVALID, "the current context has no default stream")
    stream[0] = default.handle
