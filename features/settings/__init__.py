"""The settings in undertow.toml, read once into frozen objects; every field states its unit."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from datetime import date, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator

from undertow.features.errors import SettingsError, did_you_mean
from undertow.features.settings.contact import Contact
from undertow.features.settings.databases import (
    DatabaseSource,
    FileEntry,
    refuse_folder_names,
    refuse_unknown_sources,
    shown_address,
)
from undertow.features.settings.destinations import AnyDestination, refuse_destinations
from undertow.features.settings.examples import ExampleColumns
from undertow.features.settings.frozen import Frozen
from undertow.features.settings.own_features import Denominator, OwnFeature
from undertow.features.settings.playbook import Play
from undertow.features.settings.team import Team
from undertow.features.tables import ACCOUNTS, EVENT_KINDS, SCORE_COLOURS, SCORES, TABLES

FILE_NAME = "undertow.toml"
HORIZONS = (30, 60, 90, 180, 360)

MISSING = ("null", "\\n", "nan", "none", "undefined", "n/a", "nat", "<na>", "#n/a")  # "\\n" is \\N, MySQL's null

ALIKE = 0.8  # kinds of events whose spellings are at least so alike, 0 to 1, are taken for the same one

Share = Annotated[float, Field(ge=0, le=1)]
UNRECORDED: Any = {"folder": True, "mlflow": True, "destinations": True, "team": True, "playbook": True,
                   "contact": {"owner"}}  # fmt: skip


def _words(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return words as they are compared: without surrounding blanks, in lower case."""
    return tuple(word.strip().lower() for word in words)


class Data(Frozen):
    """[data]: the period that the sources record completely, and the limit on quarantined rows."""

    since: date | None = None  # first day that is fully recorded; found from the rows if absent
    until: date | None = None  # first day that is NOT fully recorded; found from the rows if absent
    max_quarantine_share: Share = 0.05  # of a table's rows (duplicates not counted), and of the MRR
    future_hours: float = Field(24.0, ge=0)  # how far a row's time may lie in the future (clock skew), hours
    missing: tuple[str, ...] = MISSING  # texts that stand for a missing value, compared without case
    inclusive_ends: tuple[Literal["subscriptions", "users"], ...] = ()  # whose date of an end names the last day
    present_only: tuple[str, ...] = ()  # tables that hold today's state alone, without what was before: no training

    @field_validator("present_only")
    @classmethod
    def _tables(cls, tables: tuple[str, ...]) -> tuple[str, ...]:
        for table in tables:
            _refuse_unknown_table(table)
        return tables

    @field_validator("missing")
    @classmethod
    def _lower(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        return _words(words)


class Churn(Frozen):
    """[churn]: the definition of the churn label."""

    kind: Literal["subscription", "inactivity"] = "subscription"  # how customers leave: they cancel, or stay away
    grace_days: int = Field(30, ge=0)  # subscription: an account that returns within so many days has not churned
    active_days: int = Field(90, ge=1)  # inactivity: a customer is an account that was active within so many days
    activity: tuple[Literal["payments", "events"], ...] = ("payments", "events")  # inactivity: what counts as active
    involuntary_reasons: tuple[str, ...] = ("payment_failed",)  # end reasons of involuntary churn
    neutral_reasons: tuple[str, ...] = ("completed", "changed", "paused")  # end reasons that are not churn
    touching: float = Field(26.0, ge=0)  # hours; a shorter gap between two periods of an account is no gap

    @field_validator("involuntary_reasons", "neutral_reasons")
    @classmethod
    def _lower(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        return _words(words)

    @field_validator("activity")
    @classmethod
    def _some(cls, tables: tuple[str, ...]) -> tuple[str, ...]:
        if not tables:
            raise ValueError('name "payments", "events" or both')
        return tables


class Snapshots(Frozen):
    """[snapshots]: the as_ofs (midnight UTC) at which features are computed for every account at risk."""

    every: Literal["month"] = "month"
    dates: tuple[date, ...] = ()  # used instead of the month starts when given
    test: tuple[date, ...] = ()  # as_ofs of the held-out test set; the newest matured one when not given
    train_where: str = ""  # SQL condition over accounts: the accounts to train on
    test_where: str = ""  # SQL condition over accounts: the accounts to test on


class Training(Frozen):
    """[training]: the hazard model and its evaluation; the defaults match a tuned model on the benchmarks."""

    horizons: tuple[int, ...] = HORIZONS  # days, ascending; also the ends of the hazard's periods
    headline: int = 90  # days; the horizon of reasons, drivers and the gate
    gap_days: int = Field(0, ge=0)  # between the end of training outcomes and the test as_of
    seeds: int = Field(3, ge=1, le=10)  # models in the ensemble, one per seed
    trees: int = Field(300, ge=10)
    learning_rate: float = Field(0.03, gt=0, le=1)
    min_churners: int = Field(20, ge=2)  # with fewer, training is refused
    max_snapshots: int = Field(50_000, ge=1_000)  # learned from (of more: all cases, a part of the rest), judged on
    bootstrap: int = Field(200, ge=20)  # bootstrap resamples of accounts per confidence interval

    @field_validator("horizons")
    @classmethod
    def _ascending(cls, horizons: tuple[int, ...]) -> tuple[int, ...]:
        if not horizons or list(horizons) != sorted(set(horizons)) or horizons[0] < 1:
            raise ValueError("horizons must be ascending numbers of days, such as [30, 60, 90]")
        return horizons


class Value(Frozen):
    """[value]: how customer lifetime value (CLV) is computed from survival and MRR."""

    months: Literal[6, 12, 24, 36] = 12  # horizon of the CLV; 6 for inactivity alone
    margin: Share = 0.8  # gross margin, as a share of MRR or of spend
    discount_rate: float = Field(0.10, ge=0)  # per year
    currency: str = ""  # of amounts that state none; found from the rows if absent, else EUR


class HealthScores(Frozen):
    """[scores]: the health score that a team already keeps, judged beside the model; no feature is made of it.

    A score is a number, or a word of `order`; red, yellow (orange, amber) and green need no order. `healthy`, `alarm`:
    from which score on an account counts as healthy, or as in alarm. Unless given, they are the last and the first
    word of the order; of numbers, the best and the worst third of the scores in training.
    """

    table: str = ""  # an entry of [files], a SELECT, or a .sql file: account_id, scored_at, score
    order: tuple[str, ...] = ()  # the words of the score, the worst first
    good: Literal["high", "low"] = "high"  # of numbers: whether a high one is healthy
    healthy: float | str | None = None  # this score and better ones
    alarm: float | str | None = None  # this score and worse ones
    max_age_days: int = Field(90, ge=1)  # an older score counts as unknown

    @field_validator("order")
    @classmethod
    def _distinct(cls, order: tuple[str, ...]) -> tuple[str, ...]:
        words = _words(order)
        if order and (len(words) < 2 or len(set(words)) < len(words) or "" in words):
            raise ValueError('needs at least two different words, the worst first, such as ["red", "yellow", "green"]')
        return words

    @model_validator(mode="after")
    def _one_kind(self) -> HealthScores:
        """Refuse bounds that are no score of the order, or of which the healthy one is not better."""
        places = [self.place(name, bound) for name, bound in (("healthy", self.healthy), ("alarm", self.alarm))]
        if self.are_words and self.good == "low":
            raise ValueError("good is for numbers; of words, order names the worst first")
        if len({isinstance(bound, str) for bound in (self.healthy, self.alarm) if bound is not None}) > 1:
            raise ValueError("healthy and alarm must both be numbers or both be words")
        healthy, alarm = places
        if healthy is not None and alarm is not None and healthy <= alarm:
            raise ValueError(
                f"healthy ({self.healthy}) must be a better score than alarm ({self.alarm}); where low numbers are "
                'healthy, set good = "low"'
            )
        return self

    @property
    def are_words(self) -> bool:
        """Whether the settings say that scores are words."""
        return bool(self.order) or isinstance(self.healthy, str) or isinstance(self.alarm, str)

    @property
    def words(self) -> tuple[str, ...]:
        """Return the words that scores may be, if they are words, the worst first."""
        return self.order or SCORE_COLOURS

    def place(self, name: str, bound: float | str | None) -> float | None:
        """Return a bound as a number that is higher for healthier scores; None where it is not given.

        Raises ValueError, naming the setting, where a word is not in the order or a number is given beside one.
        """
        if bound is None:
            return None
        if isinstance(bound, str):
            if (word := bound.strip().lower()) not in self.words:
                raise ValueError(f"{name} = {bound!r} is not in order: {', '.join(self.words)}")
            return float(self.words.index(word))
        if self.order:
            raise ValueError(f"{name} = {bound:g} is a number, and scores are words: {', '.join(self.words)}")
        return bound if self.good == "high" else -bound


class Currency(Frozen):
    """[currency]: the currency of all reports, where the rows state several; it needs the table `rates`."""

    report: str = ""  # such as "EUR"; amounts are converted at the rate that was valid when they happened


class Audit(Frozen):
    """[audit]: columns that may predict churn on their own without being leakage."""

    accepted: tuple[str, ...] = ()  # feature columns or cards, such as "days_to_renewal"


class Mlflow(Frozen):
    """[mlflow]: where runs and versions are kept, if not in a SQLite file and a folder inside the store."""

    uri: str = ""  # of a PostgreSQL database, postgresql://user@host/name; the password from ~/.pgpass or PGPASSWORD
    artifacts: str = ""  # folder of the files of runs, relative to undertow.toml, or an address such as s3://bucket/path

    @field_validator("uri")
    @classmethod
    def _postgresql(cls, uri: str) -> str:
        if uri and not uri.startswith("postgresql://"):
            raise ValueError("must begin with postgresql://, or be left out for the SQLite file in the store")
        return uri


class Accounts(Frozen):
    """[accounts]: columns of accounts that are carried along and are never a feature, such as ids in other systems."""

    carry: tuple[str, ...] = ()  # to the CSV, the API and what is pushed

    @field_validator("carry")
    @classmethod
    def _columns(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        names = _words(names)
        for name in names:
            if ACCOUNTS.column(name) is not None or not name.isidentifier() or names.count(name) > 1:
                raise ValueError(
                    f"expected distinct columns of one's own, in letters, digits and _, got '{name}'; a column of the "
                    "contract is in the list already"
                )
        return names


class Events(Frozen):
    """[events]: kinds of events of the company's own, beside those of `undertow.features.tables.EVENT_KINDS`."""

    session_gap_minutes: float = Field(0.0, ge=0)  # a longer pause of a user without session_id ends a session; 0: none
    kinds: tuple[str, ...] = ()  # such as "delivery"; lower case
    not_activity: tuple[str, ...] = ()  # those of `kinds` that the customer did not do itself; no visit, no active day

    @field_validator("not_activity")
    @classmethod
    def _among_kinds(cls, words: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        words, kinds = _words(words), info.data.get("kinds", ())
        for word in words:
            if word not in kinds:
                raise ValueError(f"expected some of kinds, got '{word}'; add it to kinds.{did_you_mean(word, kinds)}")
        return words

    @field_validator("kinds")
    @classmethod
    def _of_ones_own(cls, kinds: tuple[str, ...]) -> tuple[str, ...]:
        kinds = _words(kinds)
        for kind in kinds:
            _refuse_kind(kind, kinds)
        return kinds


def _refuse_kind(kind: str, kinds: Sequence[str]) -> None:
    """Raise ValueError for a kind that is empty, repeated, Undertow's already, or one of those misspelt."""
    if not kind or kinds.count(kind) > 1:
        raise ValueError(f"expected distinct words, got {kind!r} {kinds.count(kind)} times; remove it")
    if kind in EVENT_KINDS:
        raise ValueError(f"'{kind}' is a kind of Undertow already, and features count it; remove it from the list")
    near = get_close_matches(re.sub(r"\W", "_", kind), EVENT_KINDS, n=1, cutoff=ALIKE)
    if near:
        raise ValueError(
            f"'{kind}' looks like '{near[0]}', a kind of Undertow. If it is the same, write '{near[0]}' in the SELECT "
            "of events and remove it from the list; if not, give it a name that is less alike"
        )


class Engine(Frozen):
    """[engine]: the database that computes features and labels, and the limits of DuckDB."""

    kind: Literal["duckdb", "spark"] = "duckdb"
    memory_limit: str = "2GB"
    temp_limit: str = "20GB"
    threads: int = Field(2, ge=1)


class Spark(Frozen):
    """[spark]: the connection to Spark, where [engine] kind = "spark"; it needs the extra undertow[spark]."""

    master: str = "local[2]"  # any Spark master
    remote: str = ""  # a Spark Connect address, sc://host:port, used instead of the master
    options: dict[str, str] = {}  # Spark settings, such as {"spark.executor.memory" = "4g"}
    tables: dict[str, str] = {}  # table -> a Parquet path or the name of a table in Spark's catalogue

    @field_validator("tables")
    @classmethod
    def _known_tables(cls, tables: dict[str, str]) -> dict[str, str]:
        return _refuse_unknown_tables(tables)


def _refuse_unknown_tables(tables: dict[str, str]) -> dict[str, str]:
    for name in tables:
        _refuse_unknown_table(name)
    return tables


def _refuse_unknown_table(name: str) -> None:
    if name not in TABLES:
        raise ValueError(f"unknown table '{name}'; known: {', '.join(TABLES)}")


class History(Frozen):
    """[history]: for how long the scores of published lists are kept, compactly, in store/history."""

    days: int = Field(400, ge=1)  # an older as_of than this before the newest one is removed


class Settings(Frozen):
    """The settings of one project: its sources, churn definition, model and engine."""

    folder: Path  # the folder of undertow.toml
    name: str = "undertow"
    store: Path = Path("store")  # folder of everything that is written, relative to `folder`
    sources: dict[str, DatabaseSource] = {}  # name -> database, [sources.NAME]
    files: dict[str, FileEntry] = {}  # name -> files, or rows of a database
    views: dict[str, str] = {}  # name -> SELECT over files and the views before it, computed once per reading
    tables: dict[str, str] = {}  # table -> SELECT, or a path ending in .sql
    checks: dict[str, str] = {}  # name of a data check -> SELECT of the suspect rows
    data: Data = Data()
    churn: Churn = Churn()
    snapshots: Snapshots = Snapshots()
    training: Training = Training()
    value: Value = Value()
    contact: Contact = Contact()
    playbook: tuple[Play, ...] = ()
    scores: HealthScores = HealthScores()
    history: History = History()
    currency: Currency = Currency()
    audit: Audit = Audit()
    accounts: Accounts = Accounts()
    destinations: dict[str, AnyDestination] = {}  # name -> where `undertow push` sends the list, [destinations.NAME]
    events: Events = Events()
    features: tuple[OwnFeature, ...] = ()  # one's own, [[features]]
    examples: ExampleColumns = ExampleColumns()
    team: Team = Team()
    mlflow: Mlflow = Mlflow()
    engine: Engine = Engine()
    spark: Spark = Spark()

    @model_validator(mode="after")
    def _months_of_its_kind(self) -> Settings:
        if self.value.months == 6 and self.churn.kind != "inactivity":
            raise ValueError("[value] months = 6 is for [churn] kind = \"inactivity\"; choose 12, 24 or 36")
        return self

    @field_validator("name")
    @classmethod
    def _valid_model_name(cls, name: str) -> str:
        if not name.strip() or set("/:") & set(name):
            raise ValueError("name must not be empty or contain '/' or ':': it also names the model in MLflow")
        return name

    @field_validator("sources")
    @classmethod
    def _named_as_folders(cls, sources: dict[str, DatabaseSource]) -> dict[str, DatabaseSource]:
        refuse_folder_names(sources)
        return sources

    @field_validator("files")
    @classmethod
    def _known_sources(cls, files: dict[str, FileEntry], info: ValidationInfo) -> dict[str, FileEntry]:
        if "sources" in info.data:  # otherwise they are refused themselves
            refuse_unknown_sources(files, info.data["sources"])
        return files

    @field_validator("destinations")
    @classmethod
    def _known_fields(cls, destinations: dict[str, AnyDestination], info: ValidationInfo) -> dict[str, AnyDestination]:
        if "accounts" in info.data:  # otherwise they are refused themselves
            refuse_destinations(destinations, info.data["accounts"].carry)
        return destinations

    @field_validator("features", mode="before")
    @classmethod
    def _list_of_features(cls, features: object) -> object:
        if isinstance(features, dict):
            raise ValueError("expected a list of features; write each below [[features]], in two brackets")
        return features

    @field_validator("tables")
    @classmethod
    def _known_tables(cls, tables: dict[str, str]) -> dict[str, str]:
        return _refuse_unknown_tables(tables)

    @field_validator("views")
    @classmethod
    def _own_names(cls, views: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        for name in views:
            if name in info.data.get("files", {}) or not name.isidentifier():
                raise ValueError(f"'{name}' must be a name in letters, digits and _, and no entry of [files]")
        return views

    @field_validator("scores")
    @classmethod
    def _one_source(cls, scores: HealthScores, info: ValidationInfo) -> HealthScores:
        files, tables = info.data.get("files", {}), info.data.get("tables", {})
        if scores.table and SCORES.name in tables:
            raise ValueError("table is given here and as [tables] scores: leave one of them out")
        if scores.table.strip().isidentifier() and scores.table.strip() not in files:
            known = ", ".join(files) or "nothing"
            raise ValueError(
                f"table = {scores.table!r} is no entry of [files] ({known}).{did_you_mean(scores.table, files)} Add "
                "the file there, or give a SELECT"
            )
        return scores

    def store_path(self, *parts: str) -> Path:
        """Return a path inside the store."""
        return (self.folder / self.store).joinpath(*parts)

    def select(self, table: str) -> str | None:
        """Return the SELECT that yields `table`, or None where the project has no source for it."""
        if table == SCORES.name and self.scores.table:
            named = self.scores.table.strip()
            return f'SELECT * FROM "{named}"' if named in self.files else self.read_sql(named, "[scores] table")
        sql_or_path = self.tables.get(table)
        if sql_or_path is None:
            return f"SELECT * FROM {table}" if table in self.files else None
        return self.read_sql(sql_or_path, f"[tables] {table}")

    def selects(self) -> dict[str, str]:
        """Return the SELECT of every view, table and check, by the setting that states it, in that order."""
        found = {name: self.read_sql(sql, name) for name, sql in _stated("views", self.views)}
        for table in TABLES:
            if (select := self.select(table)) is not None:
                found[f"[tables] {table}"] = select
        return found | {name: self.read_sql(sql, name) for name, sql in _stated("checks", self.checks)}

    def place_of(self, table: str) -> str:
        """Return how messages name the SELECT of a table, with its file if it has one."""
        return with_file(f"table {table}", self.tables.get(table, ""))

    def read_sql(self, sql_or_path: str, where: str) -> str:
        """Return SQL given as text, or read from a file whose path ends in .sql.

        `where`: the setting, named in the SettingsError for a file that does not exist.
        """
        if not sql_or_path.strip().endswith(".sql"):
            return sql_or_path
        path = self.folder / sql_or_path.strip()
        if not path.exists():
            raise SettingsError(f"{where} names {path}, which does not exist. Write that file, or correct the path.")
        return path.read_text(encoding="utf-8").strip()

    def public(self) -> dict[str, object]:
        """Return the settings as plain JSON values for the run record.

        Without the local folder, [mlflow], [destinations], [team], [[playbook]] and the owners of [contact], which
        change no result of it. Of the addresses in [files], neither user and password nor the query are shown.
        """
        shown = self.model_dump(mode="json", exclude=UNRECORDED)
        return shown | {"files": {name: _without_secrets(each) for name, each in shown["files"].items()}}


def _without_secrets(entry: object) -> object:
    """Return an entry of [files] as JSON, its addresses without what may be secret in them."""
    if isinstance(entry, dict) and "path" in entry:
        return entry | {"path": _without_secrets(entry["path"])}
    if isinstance(entry, list):
        return [_without_secrets(each) for each in entry]
    return shown_address(entry) if isinstance(entry, str) else entry


def _stated(section: str, entries: dict[str, str]) -> list[tuple[str, str]]:
    return [(f"[{section}] {name}", sql) for name, sql in entries.items()]


def with_file(name: str, sql_or_path: str) -> str:
    """Return the name of a SELECT for messages, with the file that holds it.

    >>> with_file("[views] people", "sql/people.sql")
    '[views] people (sql/people.sql)'
    """
    path = sql_or_path.strip()
    return f"{name} ({path})" if path.endswith(".sql") else name


def load_settings(folder: Path) -> Settings:
    """Read `folder`/undertow.toml. Raises SettingsError, naming the field, if it is missing or invalid."""
    path = folder / FILE_NAME
    if not path.exists():
        raise SettingsError(
            f"No {FILE_NAME} in {folder}. Run `undertow init` there, or name the project's folder with --project."
        )
    try:
        written = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is not valid TOML: {error}") from error
    return make_settings(folder, written, str(path))


def make_settings(folder: Path, written: dict[str, object], where: str = FILE_NAME) -> Settings:
    """Validate parsed TOML and return the settings. Raises SettingsError, naming each invalid field."""
    try:
        return Settings.model_validate({**written, "folder": folder.resolve()})
    except ValidationError as error:
        lines = [_explain(problem, written) for problem in error.errors()]
        raise SettingsError(f"{where} has invalid settings:\n" + "\n".join(lines)) from error


def _explain(problem: object, written: dict[str, object]) -> str:
    assert isinstance(problem, dict)
    parts = [str(part) for part in problem["loc"]]
    hint = ""
    if problem["type"] == "extra_forbidden":
        hint = did_you_mean(parts[-1], _fields(parts[:-1]))
    got = "" if isinstance(problem["input"], (dict, list)) else f", got {problem['input']!r}"
    return f"  {_place(parts, written)}: {problem['msg']}{got}.{hint}"


def _place(parts: list[str], written: dict[str, object]) -> str:
    """Return where a field stands: its section and name, or the entry of [[features]] by its name, and the field."""
    entries = written.get("features")
    if parts[0] != "features" or len(parts) < 2 or not isinstance(entries, list):
        return ".".join(parts)
    entry = entries[int(parts[1])]
    name = entry.get("name") if isinstance(entry, dict) else None
    which = f"'{name}'" if name else f"number {int(parts[1]) + 1}"
    return ": ".join([f"[[features]] {which}", *([".".join(parts[2:])] if parts[2:] else [])])


def _fields(section: list[str]) -> list[str]:
    if not section:
        return list(Settings.model_fields)
    if section[0] == "features":
        return list((Denominator if "per" in section else OwnFeature).model_fields)
    field = Settings.model_fields.get(section[0])
    model = field.annotation if field else None
    return list(model.model_fields) if isinstance(model, type) and issubclass(model, Frozen) else []


def midnight(day: date) -> datetime:
    """Return the as_of of a day: its first instant, UTC.

    >>> midnight(date(2024, 3, 1))
    datetime.datetime(2024, 3, 1, 0, 0)
    """
    return datetime(day.year, day.month, day.day)
