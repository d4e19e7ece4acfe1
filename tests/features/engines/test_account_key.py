"""The key of an account: the same on both engines and in Python, and refused where two accounts share one."""

from __future__ import annotations

from hashlib import md5

import duckdb
import pytest

from undertow.features.engines import account_key as module
from undertow.features.engines.account_key import account_key, refuse_equal_keys
from undertow.features.errors import DataError


def _accounts(*names: str) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("CREATE TABLE accounts (account_id VARCHAR)")
    connection.executemany("INSERT INTO accounts VALUES (?)", [[name] for name in names])
    return connection


@pytest.mark.parametrize("name", ["a", "42", "Zoë ✓", " ", "0" * 300])
def test_the_key_is_the_first_60_bits_of_the_md5(name: str) -> None:
    [(found,)] = _accounts(name).execute(f"SELECT {account_key('account_id')} FROM accounts").fetchall()
    assert found == int(md5(name.encode()).hexdigest(), 16) >> 68


def test_accounts_with_keys_of_their_own_pass() -> None:
    connection = _accounts(*(f"A-{number}" for number in range(10_000)))
    refuse_equal_keys(connection)
    [(keys,)] = connection.execute(f"SELECT count(DISTINCT {account_key('account_id')}) FROM accounts").fetchall()
    assert keys == 10_000


def test_two_accounts_with_one_key_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_DIGITS", 1)  # no two names with the same 60 bits are known
    with pytest.raises(DataError, match=r"have the same key, .* Give one of them another account_id"):
        refuse_equal_keys(_accounts(*"abcdefghijklmnopq"))
