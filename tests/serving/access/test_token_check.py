"""Tokens are hashed once, wrong ones are limited, and one that is right is not held up by others."""

from __future__ import annotations

import asyncio
import gc
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from undertow.serving.access.key_reader import KeyReader
from undertow.serving.access.keys import Key, add_key
from undertow.serving.access.rate_limit import FAILURES, RateLimit
from undertow.serving.access.roles import Role
from undertow.serving.access.token_check import AT_ONCE, TokenCheck, TooManyTries


@pytest.fixture
def check(tmp_path: Path) -> tuple[TokenCheck, Key, str]:
    key, token = add_key(tmp_path, "mira", Role.reader, datetime.now(UTC))
    return TokenCheck(KeyReader(tmp_path, open_without_keys=False), RateLimit()), key, token


def test_a_token_is_its_keys_and_another_is_nobodys(check: tuple[TokenCheck, Key, str]) -> None:
    tokens, key, token = check
    assert asyncio.run(tokens.key_of(token)) == key
    for wrong in (token[:-1], token[:-1] + ("a" if token[-1] != "a" else "b"), f"undertow_{'0' * 12}_{'x' * 43}", ""):
        assert asyncio.run(tokens.key_of(wrong)) is None


def test_a_token_is_kept_nowhere_in_memory_but_as_its_sha256(check: tuple[TokenCheck, Key, str]) -> None:
    tokens, _, token = check
    asyncio.run(tokens.key_of(token))
    gc.collect()
    assert len(tokens._right) == 1 and token not in repr(vars(tokens)) and token[-43:] not in repr(vars(tokens))


def test_many_first_requests_at_once_are_hashed_once_and_all_admitted(check: tuple[TokenCheck, Key, str]) -> None:
    tokens, key, token = check

    async def crowd() -> list[Key | None]:
        return await asyncio.gather(*(tokens.key_of(token) for _ in range(5 * FAILURES)))

    assert asyncio.run(crowd()) == [key] * 5 * FAILURES


def test_wrong_secrets_of_a_key_are_limited_and_a_token_known_to_be_right_is_not(
    check: tuple[TokenCheck, Key, str],
) -> None:
    tokens, key, token = check
    assert asyncio.run(tokens.key_of(token)) == key
    wrong = [token[:-2] + f"{number:02}" for number in range(FAILURES + 1)]
    for each in wrong[:FAILURES]:
        assert asyncio.run(tokens.key_of(each)) is None
    with pytest.raises(TooManyTries, match="Try again in"):
        asyncio.run(tokens.key_of(wrong[-1]))
    assert asyncio.run(tokens.key_of(token)) == key


def test_who_leaves_while_a_token_is_hashed_takes_nobody_along(check: tuple[TokenCheck, Key, str]) -> None:
    tokens, key, token = check

    for _ in range(AT_ONCE):
        tokens._threads.submit(time.sleep, 0.2)  # so that its hash still waits

    async def one_leaves() -> Key | None:
        leaving, staying = (asyncio.create_task(tokens.key_of(token)) for _ in range(2))
        await asyncio.sleep(0.05)
        leaving.cancel()
        return await staying

    assert asyncio.run(one_leaves()) == key
