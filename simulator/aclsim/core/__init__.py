"""The simulated machine: worlds, devices, contexts, streams, tasks, memory and time.

This package knows neither cffi nor numpy nor the binding. What goes wrong is a `Fault`, which `aclsim.api` turns into a
code.
"""
