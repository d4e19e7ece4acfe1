"""The data contract of a table as one SELECT: casts every row and adds the reason to quarantine it, if any."""

from __future__ import annotations

from datetime import datetime

from undertow.features.engines.duckdb import literal, quoted
from undertow.features.errors import ContractError, did_you_mean
from undertow.features.tables import SQL_TYPES, Table, TableColumn

REPEATED = "repeated key (kept once)"
EARLIEST = "1980-01-01"  # a time before it is a missing one written as zero
NUMERIC = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT",
           "UHUGEINT", "FLOAT", "DOUBLE", "DECIMAL")  # fmt: skip
KINDS = {"time": "a time", "number": "a number", "flag": "true or false", "text": "a text"}


def contract_select(table: Table, given: dict[str, str], latest: datetime, has_users: bool = False) -> str:
    """Return the SELECT that casts `staged` to the table's columns and adds `reason_`, the reason for quarantine.

    `given`: column -> DuckDB type of `staged`. `latest`: the latest valid time of a row. `has_users`:
    the table `users` is present; a row without an account is assigned to the account its user belonged to then.
    `reason_` is null for a row to keep. Raises ContractError where a required column is absent.
    """
    by_user = has_users and table.name != "users" and "user_id" in given and table.column("user_id") is not None
    _refuse_missing_columns(table, given, by_user)
    return f"""
        WITH cast_rows AS (
            SELECT row_number_, {_cast_list(table, given)}, {_unreadable(table, given)} AS unreadable_ FROM staged
        ),
        {_assign_accounts(table) if by_user else "placed AS (SELECT *, 0 AS accounts_ FROM cast_rows)"},
        reasoned AS (
            SELECT c.* EXCLUDE (unreadable_, accounts_),
                   coalesce(unreadable_, CASE {_reasons(table, latest)} END) AS reason_
            FROM placed AS c {_account_join(table)}
        )
        SELECT * REPLACE (coalesce(reason_, {_duplicate_reason(table)}) AS reason_) FROM reasoned
    """


def _assign_accounts(table: Table) -> str:
    """Return the CTEs that assign a row without an account to the account its user belonged to at that time.

    The row counts as recorded no earlier than the membership. `accounts_`: how many accounts the user had then.
    """
    return f"""
        belonged AS (
            SELECT c.row_number_, count(DISTINCT u.account_id) AS accounts_, min(u.account_id) AS account_id,
                   min(u.recorded_at) AS recorded_at
            FROM cast_rows AS c JOIN memberships AS u ON u.user_id = c.user_id
                AND u.joined_at <= c.{table.happened_at} AND coalesce(c.{table.happened_at} < u.left_at, true)
            WHERE c.account_id IS NULL GROUP BY c.row_number_
        ),
        placed AS (
            SELECT c.* REPLACE (
                       CASE WHEN m.accounts_ = 1 THEN m.account_id ELSE c.account_id END AS account_id,
                       CASE WHEN m.accounts_ = 1 THEN greatest(c.recorded_at, m.recorded_at)
                            ELSE c.recorded_at END AS recorded_at
                   ), coalesce(m.accounts_, 0) AS accounts_
            FROM cast_rows AS c LEFT JOIN belonged AS m USING (row_number_)
        )"""


def profile_columns(table: Table, given: dict[str, str]) -> list[str]:
    """Return the columns of accounts that are not in the contract: the project's own profile columns."""
    if table.name != "accounts":
        return []
    return [name for name in given if table.column(name) is None and name != "row_number_"]


def _refuse_missing_columns(table: Table, given: dict[str, str], by_user: bool) -> None:
    needed = [column.default or column.name for column in table.columns if column.required]
    needed = [name for name in needed if not (by_user and name == "account_id")]
    if table.invents_key:
        needed = [name for name in needed if name not in table.key]
    missing = [name for name in needed if name not in given]
    if missing:
        got = [name for name in given if name != "row_number_"]
        hints = "".join(did_you_mean(name, got) for name in missing)
        raise ContractError(
            f"table {table.name} needs the column{'s' * (len(missing) > 1)} {', '.join(missing)}; "
            f"got {', '.join(got)}.{hints} Add it to the SELECT (`... AS {missing[0]}`)."
        )
    unknown = [n for n in given if table.column(n) is None and n != "row_number_"]
    if unknown and table.name != "accounts":
        hint = did_you_mean(unknown[0], [column.name for column in table.columns])
        raise ContractError(
            f"table {table.name} has no column {unknown[0]}; its columns are "
            f"{', '.join(column.name for column in table.columns)}.{hint} Leave it out of the SELECT."
        )


def _cast_list(table: Table, given: dict[str, str]) -> str:
    casts = [f"{_value(table, column, given)} AS {quoted(column.name)}" for column in table.columns]
    casts += [f"{_profile(name, given[name])} AS {quoted(name)}" for name in profile_columns(table, given)]
    return ", ".join(casts)


def _value(table: Table, column: TableColumn, given: dict[str, str]) -> str:
    own = _cast(column, given)
    if column.default is not None:
        fallback = table.column(column.default)
        assert fallback is not None
        return f"coalesce({own}, {_value(table, fallback, given)})"
    if table.invents_key and column.name in table.key:
        return f"coalesce({own}, 'row ' || row_number_)"
    return own


def _cast(column: TableColumn, given: dict[str, str]) -> str:
    """Return the cast of one column to its type; null where the value cannot be cast.

    Texts become times through TIMESTAMPTZ: a direct cast to TIMESTAMP would drop a UTC offset without an error.
    """
    kind = given.get(column.name)
    target = SQL_TYPES[column.type]
    if kind is None:
        return f"CAST(NULL AS {target})"
    name = quoted(column.name)
    if column.type == "text":
        return _text(name, kind)
    if column.type == "time" and kind != "TIMESTAMP":
        return f"CAST(TRY_CAST({_trimmed(name, kind)} AS TIMESTAMPTZ) AS TIMESTAMP)"
    cast = f"TRY_CAST({_trimmed(name, kind)} AS {target})"
    return f"CASE WHEN isfinite({cast}) THEN {cast} END" if column.type == "number" else cast


def _trimmed(name: str, kind: str) -> str:
    """Return the value without surrounding blanks; a JSON value (a column of mixed types) as text."""
    if kind == "JSON":
        return f"nullif(trim({name} ->> '$'), '')"
    return f"nullif(trim({name}), '')" if kind == "VARCHAR" else name


def _text(name: str, kind: str) -> str:
    return _trimmed(name, kind) if kind == "JSON" else f"nullif(trim(CAST({name} AS VARCHAR)), '')"


def _profile(name: str, kind: str) -> str:
    """Return the cast of a profile column: to DOUBLE for a numeric type, to text otherwise."""
    if kind.partition("(")[0] not in NUMERIC or kind.endswith("]"):
        return _text(quoted(name), kind)
    number = f"CAST({quoted(name)} AS DOUBLE)"
    return f"CASE WHEN isfinite({number}) THEN {number} END"


def _account_join(table: Table) -> str:
    join = f"LEFT JOIN known_accounts AS a ON a.account_id = c.{table.of_account}"
    return "" if table.name == "accounts" else join


def _reasons(table: Table, latest: datetime) -> str:
    """Return the WHEN ... THEN ... of every quarantine reason, most basic first."""
    reasons = [("c.accounts_ > 1", "its user belongs to several accounts at that time")]
    reasons += [_missing_reason(column) for column in table.columns if column.required]
    reasons += [
        (f"c.{time} IS NOT NULL AND c.{value} IS NULL", f"{value} is missing") for time, value in table.filled
    ]
    if table.name != "accounts":
        reasons.append(("a.account_id IS NULL", "unknown account"))
    reasons += [_epoch_reason(column) for column in table.columns if column.type == "time"]
    reasons += _time_reasons(table, latest)
    reasons += [
        (f"c.{later} < c.{earlier}", f"{later} is before {earlier}") for earlier, later in table.ordered
    ]
    reasons += [
        (f"c.{column.name} < {column.minimum}", f"{column.name} is below {column.minimum:g}")
        for column in table.columns
        if column.minimum is not None
    ]
    return " ".join(f"WHEN {condition} THEN {literal(reason)}" for condition, reason in reasons)


def _unreadable(table: Table, given: dict[str, str]) -> str:
    """Return the CASE that names the first column whose value cannot be cast to its type."""
    branches = [
        f"WHEN {_trimmed(quoted(column.name), given[column.name])} IS NOT NULL AND ({_cast(column, given)}) IS NULL "
        f"THEN {literal(f'{column.name} is not {KINDS[column.type]}')}"
        for column in table.columns
        if column.name in given and _may_be_unreadable(column, given[column.name])
    ]
    return f"CASE {' '.join(branches)} END" if branches else "CAST(NULL AS VARCHAR)"


def _may_be_unreadable(column: TableColumn, kind: str) -> bool:
    """Return whether a cast can fail: never for texts, always possible for numbers (they may not be finite)."""
    return column.type == "number" or (column.type != "text" and kind != SQL_TYPES[column.type])


def _missing_reason(column: TableColumn) -> tuple[str, str]:
    return f"c.{quoted(column.name)} IS NULL", f"{column.name} is missing"


def _epoch_reason(column: TableColumn) -> tuple[str, str]:
    return (
        f"c.{column.name} < TIMESTAMP '{EARLIEST}'",
        f"{column.name} is before 1980 (a missing time written as zero?)",
    )


def _time_reasons(table: Table, latest: datetime) -> list[tuple[str, str]]:
    limit = f"TIMESTAMP '{latest:%Y-%m-%d %H:%M:%S}'"
    reasons = [(f"c.{table.happened_at} > {limit}", f"{table.happened_at} is in the future")]
    if table.column("recorded_at"):
        reasons.append((f"c.recorded_at > {limit}", "recorded_at is in the future"))
    if table.name != "accounts":
        reasons.append(
            (
                f"c.{table.happened_at} < date_trunc('day', a.created_at)",
                f"{table.happened_at} is before the account was created",
            )
        )
    return reasons


def _duplicate_reason(table: Table) -> str:
    """Return the CASE that marks duplicates: of the rows with one key, the one recorded first is kept."""
    key = ", ".join(quoted(name) for name in table.key)
    order = "recorded_at, row_number_" if table.column("recorded_at") else "row_number_"
    return (
        f"CASE WHEN row_number() OVER (PARTITION BY {key}, reason_ IS NULL ORDER BY {order}) > 1 "
        f"THEN {literal(REPEATED)} END"
    )
