"""Published accounts as JSON: each is encoded once, when it is first asked for, and answers are joined from these."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence, Sized
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
import pyarrow as pa

from undertow.serving.published.answers import Account, as_accounts, as_scored

MOST_ACCOUNTS = 50_000  # kept encoded, about 4 KB each; with more, all are encoded again when asked for
MOST_BYTES = 32_000_000  # of whole answers that are kept
AT_ONCE = 250  # accounts: Python objects are made of them without a break, during which nothing is answered
Encode = Callable[[Account], bytes]
Answer = TypeVar("Answer", bound=Sized)


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
        found = {row: kept.get(row) or b"" for row in rows}  # another thread may empty what is kept
        new = [row for row, encoded in found.items() if not encoded]
        for start in range(0, len(new), AT_ONCE):
            part = new[start : start + AT_ONCE]
            made = as_accounts(self._table.take(pa.array(part)), self._manifest)
            encoded = dict(zip(part, map(encode, made), strict=True))
            kept.update(encoded)
            found.update(encoded)
        return [msgspec.Raw(found[row]) for row in rows]


@dataclass(frozen=True)
class Prepared:
    """An answer as it is kept: its body, and the headers that go with it."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return the bytes of the body."""
        return len(self.body)


class KeptAnswers:
    """Whole answers, the latest asked for, up to a number of bytes; for use in one thread."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        """`most`: bytes that are kept."""
        self._answers: OrderedDict[Hashable, Sized] = OrderedDict()
        self._most, self._bytes = most, 0

    def get(self, key: Hashable, make: Callable[[], Answer]) -> Answer:
        """Return the answer that is kept for a key, or make it."""
        if key in self:
            return self.find(key)
        return self.keep(key, make())

    def __contains__(self, key: Hashable) -> bool:
        """Return whether an answer is kept for a key."""
        return key in self._answers

    def find(self, key: Hashable) -> Any:
        """Return the answer that is kept for a key."""
        self._answers.move_to_end(key)
        return self._answers[key]

    def keep(self, key: Hashable, made: Answer) -> Answer:
        """Keep an answer, unless one is kept for its key, and return it; the oldest are dropped for it."""
        if key not in self:
            self._answers[key], self._bytes = made, self._bytes + len(made)
        while self._bytes > self._most:
            _, dropped = self._answers.popitem(last=False)
            self._bytes -= len(dropped)
        return made
