"""Accounts are encoded once, and whole answers are kept up to a number of bytes."""

from __future__ import annotations

import msgspec
import pytest

from undertow.serving.published import encoded
from undertow.serving.published.answers import Account, Scored, as_accounts, as_scored
from undertow.serving.published.encoded import EncodedAccounts, KeptAnswers
from undertow.serving.published.list_query import AtRiskQuery
from undertow.serving.published.requests import ScoreRequest
from undertow.serving.published.scores import PublishedScores


def test_accounts_in_json_are_those_of_the_table(published: PublishedScores) -> None:
    made = as_accounts(published.table, published.manifest)
    accounts = EncodedAccounts(published.table, published.manifest)
    for rows in ([4], [2, 0, 2], range(6), [5]):
        assert [msgspec.json.decode(each, type=Account) for each in accounts.accounts(rows)] == [made[r] for r in rows]
        found = [msgspec.json.decode(each, type=Scored) for each in accounts.scored(rows)]
        assert found == [as_scored(made[row]) for row in rows]


def test_an_account_is_encoded_once(published: PublishedScores, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts, taken = EncodedAccounts(published.table, published.manifest), []
    made = encoded.as_accounts
    monkeypatch.setattr(encoded, "as_accounts", lambda rows, manifest: taken.append(rows) or made(rows, manifest))
    for _ in range(3):
        accounts.accounts([1, 3])
    accounts.accounts([3, 4])
    assert [rows["account_id"].to_pylist() for rows in taken] == [
        published.table["account_id"].take(rows).to_pylist() for rows in ([1, 3], [4])
    ]


def test_of_more_accounts_than_are_kept_all_are_answered(
    published: PublishedScores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoded, "MOST_ACCOUNTS", 2)
    accounts = EncodedAccounts(published.table, published.manifest)
    for rows in ([0, 1], [1, 2], [0, 1, 2, 3]):
        found = [msgspec.json.decode(each)["account_id"] for each in accounts.accounts(rows)]
        assert found == published.table["account_id"].take(rows).to_pylist()


def test_answers_in_json_are_the_answers(published: PublishedScores) -> None:
    ids = ["zero", "A-00042", "nobody"]
    assert published.scored_json(ids) == msgspec.json.encode(published.score(ScoreRequest(account_ids=ids)))
    assert published.account_json("zero") == msgspec.json.encode(published.account("zero"))
    listed = msgspec.json.decode(published.list_json(AtRiskQuery(limit=2, offset=1)).body)
    wanted = as_accounts(published.select(AtRiskQuery(limit=2, offset=1)).rows, published.manifest)
    assert listed["accounts"] == msgspec.to_builtins(wanted)
    assert (listed["total"], listed["limit"], listed["offset"]) == (6, 2, 1)


def test_answers_are_made_once_and_the_oldest_are_dropped() -> None:
    kept, made = KeptAnswers(10), []

    def asked(key: str) -> bytes:
        return kept.get(key, lambda: made.append(key) or key.encode() * 4)  # type: ignore[func-returns-value]

    assert [asked(key) for key in "aab"] == [b"aaaa", b"aaaa", b"bbbb"]
    asked("a")  # now b is the oldest
    asked("c")
    asked("a")
    asked("b")
    assert made == ["a", "b", "c", "b"]


def test_an_answer_that_two_threads_made_is_kept_and_counted_once() -> None:
    kept = KeptAnswers(10)
    for _ in range(3):
        kept.keep("a", b"1234")
    kept.keep("b", b"5678")
    assert "a" in kept and kept.find("b") == b"5678"


def test_an_answer_larger_than_all_that_is_kept_is_given_all_the_same() -> None:
    assert KeptAnswers(3).get("a", lambda: b"12345") == b"12345"
