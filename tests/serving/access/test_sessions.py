"""Cookies and CSRF tokens: what was signed here, lately, for a key that lives; everything else counts for nothing."""

from __future__ import annotations

import hashlib
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from itsdangerous import TimestampSigner

from undertow.serving.access.key_reader import KeyReader
from undertow.serving.access.keys import Key, add_key
from undertow.serving.access.roles import Role
from undertow.serving.access.sessions import FORM_LIFETIME, LIFETIME, Sessions


class Earlier(TimestampSigner):
    """Signs as if it were so many seconds ago."""

    ago = 0

    def get_timestamp(self) -> int:
        return int(time.time()) - self.ago


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Sessions, Key, KeyReader]:
    store = tmp_path_factory.mktemp("store")
    key, _ = add_key(store, "mira", Role.reader, datetime.now(UTC))
    keys = KeyReader(store, open_without_keys=False)
    return Sessions(keys), key, keys


def signed(keys: KeyReader, text: str, use: str, ago: int) -> str:
    signer = Earlier(keys.signing, f"undertow.{use}", digest_method=hashlib.sha256)
    signer.ago = ago
    return signer.sign(text).decode()


def test_a_cookie_is_its_keys_for_twelve_hours(made: tuple[Sessions, Key, KeyReader]) -> None:
    sessions, key, keys = made
    cookie = sessions.begin(key)
    assert sessions.key_of(cookie) == key and "mira" not in cookie
    said = cookie.rsplit(".", 2)[0]
    assert LIFETIME == 43_200
    assert sessions.key_of(signed(keys, said, "session", LIFETIME - 10)) == key
    assert sessions.key_of(signed(keys, said, "session", LIFETIME + 10)) is None


def test_a_cookie_of_another_hash_of_the_key_counts_for_nothing(made: tuple[Sessions, Key, KeyReader]) -> None:
    sessions, key, keys = made
    assert sessions.key_of(signed(keys, f"{key.id}.{'0' * 16}", "session", 0)) is None
    assert sessions.key_of(signed(keys, key.id, "session", 0)) is None


def test_what_was_signed_for_one_use_counts_for_no_other(made: tuple[Sessions, Key, KeyReader]) -> None:
    sessions, key, _ = made
    nonce, form = sessions.new_form()
    cookie = sessions.begin(key)
    assert sessions.key_of(form) is None
    assert not sessions.is_form(cookie.rsplit(".", 2)[0], cookie)
    assert not sessions.is_csrf_of(cookie, cookie.rsplit(".", 1)[1])
    assert sessions.is_form(nonce, form)


@settings(max_examples=200)
@given(st.data())
def test_a_cookie_that_was_changed_anywhere_counts_for_nothing(
    made: tuple[Sessions, Key, KeyReader], data: st.DataObject
) -> None:
    sessions, key, _ = made
    cookie = sessions.begin(key)
    place = data.draw(st.integers(0, len(cookie) - 2))  # the last character holds two bits that do not count
    letter = data.draw(st.characters(min_codepoint=33, max_codepoint=255).filter(lambda each: each != cookie[place]))
    assert sessions.key_of(cookie[:place] + letter + cookie[place + 1 :]) is None
    assert sessions.key_of(cookie[:place]) is None


def test_a_form_belongs_to_one_browser_for_an_hour(made: tuple[Sessions, Key, KeyReader]) -> None:
    sessions, _, keys = made
    (nonce, form), (other, _) = sessions.new_form(), sessions.new_form()
    assert sessions.is_form(nonce, form) and not sessions.is_form(other, form)
    assert not sessions.is_form("", form) and not sessions.is_form(nonce, "") and not sessions.is_form("", "")
    assert not sessions.is_form(nonce, signed(keys, nonce, "form", FORM_LIFETIME + 10))


def test_the_csrf_token_belongs_to_one_session(made: tuple[Sessions, Key, KeyReader]) -> None:
    sessions, key, keys = made
    cookie, other = sessions.begin(key), signed(keys, f"{key.id}.x", "session", 5)
    assert sessions.is_csrf_of(cookie, sessions.csrf_of(cookie))
    for token in ("", "x", sessions.csrf_of(other), "é"):
        assert not sessions.is_csrf_of(cookie, token)
