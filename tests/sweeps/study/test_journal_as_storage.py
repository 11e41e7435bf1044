"""Optuna's own tests of storages, of the journal."""

from __future__ import annotations

from pathlib import Path

import pytest
from optuna.storages import BaseStorage, JournalStorage
from optuna.testing.pytest_storages import StorageTestCase

from armtune.sweeps.study.journal import Journal


class TestJournal(StorageTestCase):
    @pytest.fixture
    def storage(self, tmp_path: Path) -> BaseStorage:
        return JournalStorage(Journal(tmp_path / "study.journal"))
