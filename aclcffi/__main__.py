"""`python -m aclcffi`."""

import sys

from aclcffi.cli import main

sys.exit(main())
