"""The functions of the C API: their types stand in the stub beside this file."""


class AclFunctions:
    """One attribute per C function, found by the backend at run time."""
