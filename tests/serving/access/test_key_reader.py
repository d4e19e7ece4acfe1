"""Keys are read again while the service runs, and a file that cannot be read opens nothing."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from undertow.features.errors import AccessError
from undertow.serving.access.key_reader import LOOK, KeyReader
from undertow.serving.access.keys import add_key, key_file, revoke_key
from undertow.serving.access.roles import Role


def now() -> datetime:
    return datetime.now(UTC)


def test_a_change_counts_within_a_second(tmp_path: Path) -> None:
    reader = KeyReader(tmp_path, open_without_keys=True)
    assert reader.is_open()
    key, _ = add_key(tmp_path, "mira", Role.reader, now())
    time.sleep(LOOK)
    assert not reader.is_open() and reader.living(key.id) == key
    revoke_key(tmp_path, "mira", now())
    time.sleep(LOOK)
    assert reader.living(key.id) is None and not reader.is_open()


def test_an_end_counts_at_its_moment_without_reading_again(tmp_path: Path) -> None:
    key, _ = add_key(tmp_path, "mira", Role.reader, now(), expires=now() + timedelta(seconds=0.5))
    reader = KeyReader(tmp_path, open_without_keys=False)
    assert reader.living(key.id) is not None
    key_file(tmp_path).unlink()  # is not looked at yet
    time.sleep(0.5)
    assert reader.living(key.id) is None


def test_without_a_key_a_service_that_needs_one_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(AccessError, match=r"no keys yet\. Run `undertow keys add NAME --role admin`"):
        KeyReader(tmp_path, open_without_keys=False).is_open()


@pytest.mark.parametrize("open_without_keys", [False, True])
def test_a_file_that_is_damaged_or_gone_opens_nothing_until_it_is_back(tmp_path: Path, open_without_keys: bool) -> None:
    key, _ = add_key(tmp_path, "mira", Role.reader, now())
    reader, kept = KeyReader(tmp_path, open_without_keys), key_file(tmp_path).read_bytes()
    assert reader.living(key.id) is not None
    for spoil in (lambda: key_file(tmp_path).write_bytes(b"{"), key_file(tmp_path).unlink):
        spoil()
        time.sleep(LOOK)
        for ask in (reader.is_open, lambda: reader.living(key.id), lambda: reader.signing):
            with pytest.raises(AccessError):
                ask()
    key_file(tmp_path).write_bytes(kept)
    time.sleep(LOOK)
    assert reader.living(key.id) is not None and not reader.is_open()
