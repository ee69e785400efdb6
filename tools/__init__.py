"""Makes and checks what follows from the C declarations: generated files, reduced facts, the check of both.

Nothing here is installed; run it from the root of a clone: `python -m tools.generate`.
"""
