"""The data sets' fixtures serve their machinery's tests too."""

from tests.datasets.conftest import *  # noqa: F403
