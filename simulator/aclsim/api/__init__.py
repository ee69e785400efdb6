"""The C functions of the simulator, one module per chapter of the API.

A function here has the C name and parameters behind the world that it works on. It checks its arguments in the
contract's order and raises `Fault`; the binder turns that into a return value. No module here holds state.
"""
