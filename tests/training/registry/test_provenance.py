"""What a model was computed with: hashes that change with the code and the lock, and with nothing else."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from undertow.training.registry.provenance import LIBRARIES, LOCK, ROOT, code_hash, lock_hash, provenance


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A folder with one file of code on each floor."""
    for floor in ("features", "training"):
        (tmp_path / floor).mkdir()
        (tmp_path / floor / "rates.py").write_text("RATE = 1\n", encoding="utf-8")
    return tmp_path


def test_a_changed_renamed_or_added_file_changes_the_hash(code: Path) -> None:
    found = [code_hash(code)]
    (code / "training" / "rates.py").write_text("RATE = 2\n", encoding="utf-8")
    found.append(code_hash(code))
    (code / "training" / "rates.py").rename(code / "training" / "shares.py")
    found.append(code_hash(code))
    (code / "features" / "more.sql").write_text("SELECT 1", encoding="utf-8")
    found.append(code_hash(code))
    assert len(set(found)) == len(found)


def test_compiled_files_and_other_floors_do_not_change_the_hash(code: Path) -> None:
    before = code_hash(code)
    (code / "features" / "__pycache__").mkdir()
    (code / "features" / "__pycache__" / "rates.pyc").write_bytes(b"compiled")
    (code / "serving").mkdir()
    (code / "serving" / "app.py").write_text("", encoding="utf-8")
    assert code_hash(code) == before


def test_the_lock_is_hashed_where_there_is_one(code: Path) -> None:
    assert lock_hash(code) == "none: installed without requirements.lock"
    (code / LOCK).write_text("numpy==2.1\n", encoding="utf-8")
    assert lock_hash(code) == hashlib.sha256(b"numpy==2.1\n").hexdigest()


def test_a_run_of_this_checkout_names_its_code_its_lock_and_its_libraries() -> None:
    found = provenance()
    assert found["lock_hash"] == hashlib.sha256((ROOT / LOCK).read_bytes()).hexdigest()
    assert len(found["code_hash"]) == 16
    assert [each.split("==")[0] for each in found["libraries"].split()] == list(LIBRARIES)
