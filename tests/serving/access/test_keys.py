"""The key file: what is stored, what is refused, and what a change leaves behind."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

import pytest

from undertow.features.errors import AccessError
from undertow.serving.access.keys import add_key, has_living_key, key_file, read_keys, revoke_key
from undertow.serving.access.roles import Role
from undertow.serving.access.tokens import hash_secret, is_secret, read_token

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


def test_the_file_holds_no_token_and_the_hash_of_its_secret(tmp_path: Path) -> None:
    key, token = add_key(tmp_path, "mira", Role.reader, NOW, owner="Mira Holt")
    read = read_token(token)
    assert read is not None and read[0] == key.id and len(read[1]) == 43
    text = key_file(tmp_path).read_text()
    assert read[1] not in text and "$argon2id$" in text
    ring = read_keys(tmp_path)
    assert ring is not None and is_secret(ring.keys[0].hash, read[1]) and not is_secret(ring.keys[0].hash, read[1][:-1])


def test_a_hash_that_is_none_has_no_secret() -> None:
    assert is_secret(hash_secret("secret"), "secret")
    assert not is_secret("", "") and not is_secret("$argon2id$damaged", "secret")


@pytest.mark.parametrize(
    "token",
    ["", "undertow", "undertow_0123456789ab_", "undertow_0123456789ab_" + "x" * 42, "undertow_0123456789ab_" + "x" * 44,
     "Undertow_0123456789ab_" + "x" * 43, "undertow_0123456789AB_" + "x" * 43, "undertow_0123456789ab_" + "ü" * 43,
     "undertow_0123456789ab_" + "x" * 43 + "\n"],
)  # fmt: skip
def test_a_text_of_another_form_is_no_token(token: str) -> None:
    assert read_token(token) is None
    assert read_token("undertow_0123456789ab_" + "x" * 43) is not None


def test_the_folder_and_the_file_are_closed_to_others_and_nothing_else_is_left(tmp_path: Path) -> None:
    add_key(tmp_path, "mira", Role.reader, NOW)
    revoke_key(tmp_path, "mira", NOW)
    folder = tmp_path / "access"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(key_file(tmp_path).stat().st_mode) == 0o600
    assert [path.name for path in folder.iterdir()] == ["keys.json"]


def test_a_key_lives_until_it_is_revoked_or_expires(tmp_path: Path) -> None:
    day = timedelta(days=1)
    add_key(tmp_path, "a", Role.reader, NOW, expires=NOW + day)
    assert has_living_key(tmp_path, NOW + day / 2) and not has_living_key(tmp_path, NOW + day)
    key, _ = add_key(tmp_path, "b", Role.admin, NOW + day)
    assert has_living_key(tmp_path, NOW + day)
    assert revoke_key(tmp_path, key.id, NOW + day).name == "b"
    assert not has_living_key(tmp_path, NOW + day)
    ring = read_keys(tmp_path)
    assert ring is not None and [key.state(NOW + day) for key in ring.keys] == ["expired", "revoked"]


def test_a_name_is_free_again_after_its_key_and_the_secret_that_signs_stays(tmp_path: Path) -> None:
    add_key(tmp_path, "mira", Role.reader, NOW)
    before = read_keys(tmp_path)
    with pytest.raises(AccessError, match="A living key is named 'mira'"):
        add_key(tmp_path, "mira", Role.admin, NOW)
    revoke_key(tmp_path, "mira", NOW)
    key, _ = add_key(tmp_path, "mira", Role.admin, NOW)
    after = read_keys(tmp_path)
    assert before is not None and after is not None
    assert (before.signing, key.slot, len(after.keys)) == (after.signing, 1, 2)


@pytest.mark.parametrize("name", ["", " mira", "mira ", "a\nb", "[red]", "x" * 65, "<b>"])
def test_a_name_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(AccessError, match="is no name of a key"):
        add_key(tmp_path, name, Role.reader, NOW)
    assert read_keys(tmp_path) is None


def test_an_end_that_has_passed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AccessError, match="would have expired on 2026-11-01"):
        add_key(tmp_path, "mira", Role.reader, NOW, expires=NOW)


def test_what_is_revoked_must_be_there(tmp_path: Path) -> None:
    add_key(tmp_path, "mira", Role.reader, NOW)
    with pytest.raises(AccessError, match=r"No key has the name or id 'mirra'\. Did you mean 'mira'\?"):
        revoke_key(tmp_path, "mirra", NOW)
    revoke_key(tmp_path, "mira", NOW)
    with pytest.raises(AccessError, match="'mira' is revoked already"):
        revoke_key(tmp_path, "mira", NOW)


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"\xff", b'{"format": 1}', b'{"format": 2, "signing": "x"}'])
def test_a_damaged_file_is_refused_and_never_an_empty_one(tmp_path: Path, damage: bytes) -> None:
    add_key(tmp_path, "mira", Role.reader, NOW)
    key_file(tmp_path).write_bytes(damage)
    for ask in (lambda: read_keys(tmp_path), lambda: add_key(tmp_path, "b", Role.reader, NOW)):
        with pytest.raises(AccessError, match=r"cannot be read|another release"):
            ask()
    assert key_file(tmp_path).read_bytes() == damage


def add_named(store: Path, name: str) -> None:
    for number in range(4):
        add_key(store, f"{name}{number}", Role.reader, NOW)


def test_processes_that_add_keys_at_once_lose_none(tmp_path: Path) -> None:
    adding = [get_context("spawn").Process(target=add_named, args=(tmp_path, name)) for name in "abc"]
    for process in adding:
        process.start()
    for process in adding:
        process.join(60)
    ring = read_keys(tmp_path)
    assert ring is not None and sorted(key.name for key in ring.keys) == [f"{a}{n}" for a in "abc" for n in range(4)]
    assert [key.slot for key in ring.keys] == [*range(12)]
