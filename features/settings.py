"""undertow.toml, read once into frozen settings; every field says its unit."""

from __future__ import annotations

import tomllib
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from undertow.features.errors import SettingsError, did_you_mean
from undertow.features.tables import TABLES

FILE_NAME = "undertow.toml"
HORIZONS = (30, 60, 90, 180, 360)

Share = Annotated[float, Field(ge=0, le=1)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Data(_Frozen):
    """What the source files hold and how much dirt is bearable."""

    since: date | None = None  # first day that is fully recorded; found from the rows if absent
    until: date | None = None  # first day that is NOT fully recorded; found from the rows if absent
    max_quarantine_share: Share = 0.05  # of a table's rows, repeats not counted
    future_hours: float = Field(24.0, ge=0)  # how far a clock may run ahead, hours


class Churn(_Frozen):
    """What churn is, said before anything is fitted."""

    definition: Literal["subscription"] = "subscription"
    grace_days: int = Field(30, ge=0)  # a return within so many days is no churn
    involuntary_reasons: tuple[str, ...] = ("payment_failed",)
    neutral_reasons: tuple[str, ...] = ("completed", "changed")  # ends that are not churn


class Snapshots(_Frozen):
    """The moments from which we look at every account at risk, midnight UTC."""

    every: Literal["month"] = "month"
    dates: tuple[date, ...] = ()  # used instead of the calendar when given
    test: tuple[date, ...] = ()  # the newest matured one when not given
    train_where: str = ""  # SQL condition over accounts; who is learned from
    test_where: str = ""  # SQL condition over accounts; on whom the model is judged


class Training(_Frozen):
    """The hazard model; defaults measured to match a tuned one."""

    horizons: tuple[int, ...] = HORIZONS  # days, ascending; also the hazard's period ends
    headline: int = 90  # days; the horizon of reasons, drivers and the gate
    gap_days: int = Field(0, ge=0)  # between the end of training outcomes and the test as_of
    seeds: int = Field(3, ge=1, le=10)  # members of the bag
    trees: int = Field(300, ge=10)
    learning_rate: float = Field(0.03, gt=0, le=1)
    min_churners: int = Field(20, ge=2)  # below this, train refuses
    bootstrap: int = Field(200, ge=20)  # account resamples behind each interval

    @field_validator("horizons")
    @classmethod
    def _ascending(cls, horizons: tuple[int, ...]) -> tuple[int, ...]:
        if not horizons or list(horizons) != sorted(set(horizons)) or horizons[0] < 1:
            raise ValueError("horizons must be ascending numbers of days, such as [30, 60, 90]")
        return horizons


class Value(_Frozen):
    """How a surviving subscription becomes money."""

    months: Literal[12] = 12  # the horizon stated with every CLV
    margin: Share = 0.8  # share of MRR that is kept
    discount_rate: float = Field(0.10, ge=0)  # per year
    currency: str = "EUR"


class Engine(_Frozen):
    """Where features and outcomes are computed, and what DuckDB may use."""

    kind: Literal["duckdb", "spark"] = "duckdb"
    memory_limit: str = "2GB"
    temp_limit: str = "20GB"
    threads: int = Field(2, ge=1)


class Spark(_Frozen):
    """How to reach Spark, where [engine] kind = "spark"; it needs the extra undertow[spark]."""

    master: str = "local[2]"  # any Spark master
    remote: str = ""  # a Spark Connect address, sc://host:port, used instead of the master
    options: dict[str, str] = {}  # Spark settings, such as {"spark.executor.memory" = "4g"}
    tables: dict[str, str] = {}  # table -> where Spark finds it: a Parquet path, or a table of its catalogue

    @field_validator("tables")
    @classmethod
    def _known_tables(cls, tables: dict[str, str]) -> dict[str, str]:
        return _refuse_unknown_tables(tables)


def _refuse_unknown_tables(tables: dict[str, str]) -> dict[str, str]:
    for name in tables:
        if name not in TABLES:
            known = ", ".join(TABLES)
            raise ValueError(f"unknown table '{name}'; known: {known}")
    return tables


class Settings(_Frozen):
    """One project: where its rows come from and what is to be done with them."""

    folder: Path  # where undertow.toml lies
    name: str = "undertow"
    store: Path = Path("store")  # everything we write, relative to `folder`
    files: dict[str, str] = {}  # source name -> path or glob, relative to `folder`
    tables: dict[str, str] = {}  # table -> SELECT, or a path ending in .sql
    checks: dict[str, str] = {}  # your own question -> SELECT of the rows in doubt
    data: Data = Data()
    churn: Churn = Churn()
    snapshots: Snapshots = Snapshots()
    training: Training = Training()
    value: Value = Value()
    engine: Engine = Engine()
    spark: Spark = Spark()

    @field_validator("name")
    @classmethod
    def _a_models_name(cls, name: str) -> str:
        if not name.strip() or set("/:") & set(name):
            raise ValueError("name must not be empty, nor hold '/' or ':': it also names the model in MLflow")
        return name

    @field_validator("tables")
    @classmethod
    def _known_tables(cls, tables: dict[str, str]) -> dict[str, str]:
        return _refuse_unknown_tables(tables)

    def store_path(self, *parts: str) -> Path:
        """Return a path inside the store."""
        return (self.folder / self.store).joinpath(*parts)

    def select(self, table: str) -> str | None:
        """Return the SELECT that yields `table`, or None where the project has no source for it."""
        written = self.tables.get(table)
        if written is None:
            return f"SELECT * FROM {table}" if table in self.files else None
        return self.read_sql(written, f"[tables] {table}")

    def read_sql(self, written: str, where: str) -> str:
        """Return SQL that stands in the settings itself or in a file it names."""
        if not written.strip().endswith(".sql"):
            return written
        path = self.folder / written.strip()
        if not path.exists():
            raise SettingsError(f"{where} names {path}, which does not exist: write it or mend the path")
        return path.read_text(encoding="utf-8").strip().rstrip(";")

    def public(self) -> dict[str, object]:
        """Return what a run record needs: all but the machine's own folder, as plain JSON."""
        return self.model_dump(mode="json", exclude={"folder"})


def load_settings(folder: Path) -> Settings:
    """Read `folder`/undertow.toml. Raises SettingsError, naming the field, where it cannot."""
    path = folder / FILE_NAME
    if not path.exists():
        raise SettingsError(
            f"No {FILE_NAME} in {folder}. Run `undertow init` there, or point to the project "
            "with --project."
        )
    try:
        written = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is not valid TOML: {error}") from error
    return make_settings(folder, written, str(path))


def make_settings(folder: Path, written: dict[str, object], where: str = FILE_NAME) -> Settings:
    """Turn parsed TOML into settings. Raises SettingsError, naming each field that is wrong."""
    try:
        return Settings.model_validate({**written, "folder": folder.resolve()})
    except ValidationError as error:
        lines = [_explain(problem) for problem in error.errors()]
        raise SettingsError(f"{where} cannot be used:\n" + "\n".join(lines)) from error


def _explain(problem: object) -> str:
    assert isinstance(problem, dict)
    parts = [str(part) for part in problem["loc"]]
    hint = ""
    if problem["type"] == "extra_forbidden":
        hint = did_you_mean(parts[-1], _fields(parts[:-1]))
    came = "" if isinstance(problem["input"], (dict, list)) else f", came {problem['input']!r}"
    return f"  {'.'.join(parts)}: {problem['msg']}{came}.{hint}"


def _fields(section: list[str]) -> list[str]:
    if not section:
        return list(Settings.model_fields)
    holder = Settings.model_fields.get(section[0])
    inner = holder.annotation if holder else None
    return list(inner.model_fields) if isinstance(inner, type) and issubclass(inner, _Frozen) else []


def midnight(day: date) -> datetime:
    """Return the as_of that a day stands for: its first moment, UTC."""
    return datetime(day.year, day.month, day.day)
