"""The command line of aclcffi, started by `python -m aclcffi` and by the program `aclcffi`."""
