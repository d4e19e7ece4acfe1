"""What was last pushed to a destination: store/pushes/NAME.json, from which a push computes what is new."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from undertow.features.errors import PushError
from undertow.features.publishing.versions import replace_text
from undertow.serving.push.accounts import Account

FORMAT = 1


class Mark(msgspec.Struct, array_like=True):
    """What was last pushed of an account: a hash of it, its probability where that was sent, and its CRM record."""

    digest: str
    probability: float | None = None
    record_id: str = ""


class Record(msgspec.Struct):
    """The last push to a destination. `target`: a hash of where it went; `accounts`: those that hold what was sent."""

    format: int
    run_id: str
    target: str
    pushed_at: str
    accounts: dict[str, Mark]


@dataclass(frozen=True)
class Difference:
    """How a list differs from what was last pushed, as account ids. `before`: what was pushed of each account."""

    before: Mapping[str, Mark]
    now: Mapping[str, Mark]
    new: frozenset[str] = field(init=False)
    changed: frozenset[str] = field(init=False)
    gone: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        before, now = self.before, self.now
        object.__setattr__(self, "new", frozenset(each for each in now if each not in before))
        changed = (each for each, mark in now.items() if each in before and before[each].digest != mark.digest)
        object.__setattr__(self, "changed", frozenset(changed))
        object.__setattr__(self, "gone", tuple(each for each in before if each not in now))

    @property
    def unchanged(self) -> int:
        """How many accounts hold already what would be sent."""
        return len(self.now) - len(self.new) - len(self.changed)

    def __bool__(self) -> bool:
        return bool(self.new or self.changed or self.gone)

    def has(self, account: Account) -> bool:
        """Return whether an account must be sent."""
        return account.id in self.new or account.id in self.changed


def record_path(store: Path, name: str) -> Path:
    """Return the file of what was last pushed to a destination."""
    return store / "pushes" / f"{name}.json"


def read_record(path: Path, target: str) -> Record | None:
    """Return what was last pushed to a target; None where nothing was. Raises PushError for a damaged file."""
    try:
        record = msgspec.json.decode(path.read_bytes(), type=Record)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise PushError(
            f"{path} cannot be read: {error}. It says what was last pushed; remove it, and the next push sends all."
        ) from error
    return record if (record.format, record.target) == (FORMAT, target) else None


def marks(accounts: Iterable[Account], form: str, headline: int) -> dict[str, Mark]:
    """Return the mark of each account, in the order of the list."""
    return {each.id: Mark(each.digest(form), each.probability(headline), each.record_id) for each in accounts}


def write_record(path: Path, record: Record) -> None:
    """Replace the record of a destination atomically."""
    replace_text(path, msgspec.json.encode(record).decode(), mode=0o600)
