"""The bundles that the tests of their use have made serve here too."""

from tests.bundle.conftest import *  # noqa: F403
