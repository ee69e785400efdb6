"""What helps to test programs that use aclcffi: fixtures, strategies and the contract suite."""
