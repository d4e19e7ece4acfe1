"""Published accounts as JSON: each is encoded once, when it is first asked for, and answers are joined from these."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import msgspec
import pyarrow as pa

from undertow.serving.published.answers import Account, as_accounts, as_scored

MOST_ACCOUNTS = 50_000  # kept encoded, about 4 KB each; with more, all are encoded again when asked for
MOST_BYTES = 32_000_000  # of whole answers that are kept
Encode = Callable[[Account], bytes]


class EncodedAccounts:
    """The accounts of one publication as JSON, by their row in its table."""

    def __init__(self, table: pa.Table, manifest: Mapping[str, Any]) -> None:
        """`table`: scores, one row per account; `manifest`: of the run."""
        self._table, self._manifest = table, manifest
        self._accounts: dict[int, bytes] = {}
        self._scored: dict[int, bytes] = {}
        self._unexplained: dict[int, bytes] = {}

    def accounts(self, rows: Sequence[int]) -> list[msgspec.Raw]:
        """Return the accounts in these rows as `Account` in JSON."""
        return self._encoded(rows, self._accounts, msgspec.json.encode)

    def scored(self, rows: Sequence[int], explain: bool = True) -> list[msgspec.Raw]:
        """Return the accounts in these rows as `Scored` in JSON; `explain`: with what their scores are made of."""
        kept = self._scored if explain else self._unexplained
        return self._encoded(rows, kept, lambda account: msgspec.json.encode(as_scored(account, explain)))

    def _encoded(self, rows: Sequence[int], kept: dict[int, bytes], encode: Encode) -> list[msgspec.Raw]:
        if len(kept) + len(rows) > MOST_ACCOUNTS:
            kept.clear()
        new = [row for row in dict.fromkeys(rows) if row not in kept]
        if new:
            made = as_accounts(self._table.take(pa.array(new)), self._manifest)
            kept.update(zip(new, map(encode, made), strict=True))
        return [msgspec.Raw(kept[row]) for row in rows]


class KeptAnswers:
    """Whole answers, the latest asked for, up to a number of bytes."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        """`most`: bytes that are kept."""
        self._answers: OrderedDict[Hashable, bytes] = OrderedDict()
        self._most, self._bytes = most, 0

    def get(self, key: Hashable, make: Callable[[], bytes]) -> bytes:
        """Return the answer that is kept for a key, or make it."""
        found = self._answers.get(key)
        if found is None:
            found = make()
            self._answers[key], self._bytes = found, self._bytes + len(found)
            while self._bytes > self._most:
                _, dropped = self._answers.popitem(last=False)
                self._bytes -= len(dropped)
        else:
            self._answers.move_to_end(key)
        return found
