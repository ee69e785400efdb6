"""What all tests share: the plugins and the Hypothesis profiles.

`HYPOTHESIS_PROFILE` names the profile. Without it, `ci` holds where CI is set, as continuous integration does, and `dev`
elsewhere. No profile looks at the clock: a loaded machine fails no test.
"""

import os

import pytest
from hypothesis import HealthCheck, settings

# Asserts in the helpers of the tests show their values, as those in the tests do.
pytest.register_assert_rewrite("tests.aclsim", "tests.api", "tests.cli", "tests.contract")

pytest_plugins = ["pytester", "aclcffi.testing.rows", "aclcffi.testing.plugin"]

# From "default" and not from what holds now: where CI is set, Hypothesis itself has chosen a profile already.
_UNTIMED = settings(settings.get_profile("default"), deadline=None, suppress_health_check=[HealthCheck.too_slow])

settings.register_profile("ci", _UNTIMED, derandomize=True, database=None, max_examples=100, print_blob=True)
settings.register_profile("dev", _UNTIMED, max_examples=50, print_blob=True)
settings.register_profile("nightly", _UNTIMED, max_examples=5000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev"))
