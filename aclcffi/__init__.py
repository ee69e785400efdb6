"""AscendCL model execution for Python, over the real CANN libraries or a simulated Ascend device."""
