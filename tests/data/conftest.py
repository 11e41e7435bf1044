"""The data sets' fixtures serve the tests of their machinery too."""

from tests.datasets.conftest import *  # noqa: F403
from tests.datasets.conftest import _recording, _wav_bytes  # noqa: F401
