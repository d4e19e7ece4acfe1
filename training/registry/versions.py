"""The versions of the registered model: which is champion, which was, and why; promotion and rollback with reasons.

A move of the champion alias is recorded as a tag of the version that it moved to, `champion.0001` and so on, in JSON:
time, version, the champion before, how, and the reason. All such tags together are the history. The alias `challenger`
stands at the newest version that was never promoted.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Literal

import mlflow
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from undertow.features.errors import ModelRefusal
from undertow.training.bundle.bundle import Bundle
from undertow.training.evaluation.gate import Verdict
from undertow.training.registry.model_card import FILE as CARD
from undertow.training.registry.tracking import ALIAS, Registry

CHALLENGER = "challenger"
MOVE = "champion."  # tags of a version that record how it became champion begin so
NO_MODEL = "No model is registered yet. Run `undertow train` first."
How = Literal["training", "promote", "rollback"]


@dataclass(frozen=True)
class Move:
    """One move of the champion alias to `version`. `before`: the champion until then, None: there was none."""

    at: str  # ISO time, UTC
    version: int
    before: int | None
    how: How
    reason: str


@dataclass(frozen=True)
class Version:
    """A version of the registered model as `undertow models` lists it.

    `trained_at`: ISO time, UTC. `bundle`: the hash that names its content. `metrics`: those of its run, by name, as
    MLflow holds them. `tags`: of its run. `moves`: how it became champion, oldest first.
    """

    number: int
    run_id: str
    aliases: tuple[str, ...]
    trained_at: str
    tags: dict[str, str]
    metrics: dict[str, float]
    moves: tuple[tuple[int, Move], ...]

    @property
    def bundle(self) -> str:
        """Return the hash that names the content of the bundle; empty for a version of release 0.3.0."""
        return self.tags.get("bundle", "")

    @property
    def verdict(self) -> str:
        """Return what the gate decided; empty where the training was stopped before it did."""
        return self.tags.get("verdict", "")

    def as_json(self) -> dict[str, object]:
        """Return plain JSON values."""
        return {
            "version": self.number,
            "aliases": self.aliases,
            "run_id": self.run_id,
            "bundle": self.bundle,
            "trained_at": self.trained_at,
            "trained_until": self.tags.get("trained_until", ""),
            "verdict": self.verdict,
            "metrics": self.metrics,
        }


@dataclass(frozen=True)
class Shown:
    """One version with its model card, Markdown, and the moves of the champion alias, oldest first.

    `card`: empty for a version of release 0.3.0, which has none.
    """

    version: Version
    card: str
    history: tuple[Move, ...]

    def as_json(self) -> dict[str, object]:
        """Return plain JSON values."""
        tags = {name: value for name, value in self.version.tags.items() if not name.startswith("mlflow.")}
        history = [asdict(move) for move in self.history]
        return self.version.as_json() | {"tags": tags, "history": history, "model_card": self.card}


# --- reading ---------------------------------------------------------------------------------


def list_versions(registry: Registry) -> tuple[Version, ...]:
    """Return all versions, newest first; none before the first training."""
    if not registry.exists():
        return ()
    with registry.opened() as client:
        return _versions(registry, client)


def show_version(registry: Registry, name: str = ALIAS) -> Shown:
    """Return a version by its number or alias. Raises ModelRefusal, naming those that exist, for an unknown one."""
    versions = list_versions(registry)
    version = find_version(versions, name)
    with registry.opened() as client:
        card = _card(client, version.run_id)
    return Shown(version, card, history_of(versions))


def find_version(versions: Sequence[Version], name: str) -> Version:
    """Return the version of that number or alias. Raises ModelRefusal for an unknown one."""
    for version in versions:
        if name == str(version.number) or name in version.aliases:
            return version
    if not versions:
        raise ModelRefusal(NO_MODEL)
    known = ", ".join(" = ".join((str(version.number), *version.aliases)) for version in versions[:10])
    raise ModelRefusal(f"There is no version '{name}' of the model; the newest are {known}. Name one of them.")


def history_of(versions: Sequence[Version]) -> tuple[Move, ...]:
    """Return all recorded moves of the champion alias, oldest first."""
    numbered = sorted((number, move) for version in versions for number, move in version.moves)
    return tuple(move for _, move in numbered)


def champions_before(history: Sequence[Move], champion: int) -> tuple[int, ...]:
    """Return the champions that a rollback would return to, the nearest last; `champion`: the present one.

    A promotion puts a version on top and a rollback takes the top off, so that two rollbacks lead two champions back.

    >>> moves = [Move("", 1, None, "training", ""), Move("", 2, 1, "training", ""), Move("", 3, 2, "promote", "")]
    >>> champions_before(moves, 3)
    (1, 2)
    >>> champions_before([*moves, Move("", 2, 3, "rollback", "")], 2)
    (1,)
    """
    stack: list[int] = []
    for move in history:
        if move.before is not None and (not stack or stack[-1] != move.before):
            stack.append(move.before)  # moved by MLflow's own means, which records nothing
        if move.how == "rollback" and move.version in stack:
            del stack[stack.index(move.version) + 1 :]
        else:
            stack.append(move.version)
    if stack and stack[-1] == champion:
        stack.pop()
    return tuple(stack)


# --- changing --------------------------------------------------------------------------------


def register_judged(
    registry: Registry, bundle: Bundle, judge: Callable[[], Verdict], now: datetime, judged: Bundle | None = None
) -> tuple[int, Verdict]:
    """Register the bundle of the open run as a version, and make it champion where the verdict of `judge` promotes it.

    `judge` compares with the champion, outside the lock since it takes long; where another process has changed the
    champion meanwhile, it is asked again. All files are complete before the version exists, and it has been read back
    before it becomes champion. `judged`: as in `Registered`, unless it is the bundle. Returns the number of the version
    and the verdict that held.
    """
    model = registry.log_model(bundle, judged or bundle)
    while True:
        rival = registry.champion_number()
        verdict = judge()
        with registry.locked() as client:
            if registry.number_of(client, ALIAS) != rival:
                continue
            number = int(mlflow.register_model(model, registry.name).version)
            if verdict.promoted:
                _move(registry, client, number, "training", verdict.text, now)
            mlflow.set_tag("verdict", verdict.text)
            _name_challenger(registry, client)
            return number, verdict


def promote(registry: Registry, name: str, reason: str, now: datetime) -> Move:
    """Make a version, by number or alias, the champion. Raises ModelRefusal where it is unknown or cannot be read."""
    _refuse_empty(registry)
    with registry.locked() as client:
        version = find_version(_versions(registry, client), name)
        if ALIAS in version.aliases:
            raise ModelRefusal(f"Version {version.number} is the champion already. `undertow models list` shows all.")
        move = _move(registry, client, version.number, "promote", reason, now)
        _name_challenger(registry, client)
    return move


def roll_back(registry: Registry, reason: str, now: datetime) -> Move:
    """Make the champion before the present one champion again.

    Raises ModelRefusal where there was none, or it cannot be read.
    """
    _refuse_empty(registry)
    with registry.locked() as client:
        versions = _versions(registry, client)
        champion = registry.number_of(client, ALIAS)
        if champion is None:
            raise ModelRefusal("There is no champion to roll back from. Run `undertow train` first.")
        known = {version.number for version in versions}
        before = [number for number in champions_before(history_of(versions), champion) if number in known]
        if not before:
            raise ModelRefusal(
                f"There is nothing to roll back to: no champion before version {champion} is recorded. "
                "`undertow models list` shows all versions, `undertow models promote` takes any of them."
            )
        move = _move(registry, client, before[-1], "rollback", reason, now)
        _name_challenger(registry, client)
    return move


def _refuse_empty(registry: Registry) -> None:
    if not registry.exists():
        raise ModelRefusal(NO_MODEL)


def _move(registry: Registry, client: MlflowClient, number: int, how: How, reason: str, now: datetime) -> Move:
    """Move the champion alias to a version that can be read, and record it; the caller holds the lock."""
    if not reason.strip():
        raise ModelRefusal("A reason is expected, and got an empty text. Say why in --reason.")
    registry.load(client, number)
    versions = _versions(registry, client)
    last = max((position for version in versions for position, _ in version.moves), default=0)
    move = Move(f"{now:%Y-%m-%d %H:%M:%S}", number, registry.number_of(client, ALIAS), how, reason.strip())
    client.set_registered_model_alias(registry.name, ALIAS, str(number))
    client.set_model_version_tag(registry.name, str(number), f"{MOVE}{last + 1:04d}", json.dumps(asdict(move)))
    return move


def _name_challenger(registry: Registry, client: MlflowClient) -> None:
    """Move the alias `challenger` to the newest version never promoted, or remove it; the caller holds the lock."""
    versions = _versions(registry, client)
    promoted = {number for move in history_of(versions) for number in (move.version, move.before)}
    never = [each.number for each in versions if each.number not in promoted and ALIAS not in each.aliases]
    if never:
        client.set_registered_model_alias(registry.name, CHALLENGER, str(max(never)))
    else:
        client.delete_registered_model_alias(registry.name, CHALLENGER)


# --- as MLflow holds them --------------------------------------------------------------------


def _versions(registry: Registry, client: MlflowClient) -> tuple[Version, ...]:
    quote = '"' if "'" in registry.name else "'"
    found = client.search_model_versions(f"name = {quote}{registry.name}{quote}")
    try:
        aliases = client.get_registered_model(registry.name).aliases
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return ()
    read = [_version(client, version, aliases) for version in found]
    return tuple(sorted(read, key=lambda version: -version.number))


def _version(client: MlflowClient, version: ModelVersion, aliases: dict[str, str]) -> Version:
    run = client.get_run(version.run_id)
    moves = [(int(tag.removeprefix(MOVE)), Move(**json.loads(value))) for tag, value in version.tags.items()
             if tag.startswith(MOVE)]  # fmt: skip
    return Version(
        number=int(version.version),
        run_id=str(version.run_id),
        aliases=tuple(sorted(alias for alias, number in aliases.items() if int(number) == int(version.version))),
        trained_at=f"{datetime.fromtimestamp(version.creation_timestamp / 1000, UTC):%Y-%m-%d %H:%M:%S}",
        tags=dict(run.data.tags),
        metrics=dict(run.data.metrics),
        moves=tuple(sorted(moves)),
    )


def _card(client: MlflowClient, run_id: str) -> str:
    if CARD not in {file.path for file in client.list_artifacts(run_id)}:
        return ""
    with tempfile.TemporaryDirectory() as folder:
        path = client.download_artifacts(run_id, CARD, folder)
        with open(path, encoding="utf-8") as file:
            return file.read()
