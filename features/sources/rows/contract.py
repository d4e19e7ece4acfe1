"""The data contract of a table as one SELECT: casts every row and adds the reason to quarantine it, if any."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from undertow.features.engines.duckdb import literal, quoted
from undertow.features.errors import ContractError, did_you_mean
from undertow.features.sources.rows.casting import Reading, cast, plain_cast, profile, readable
from undertow.features.sources.rows.health_scores import score_problem
from undertow.features.sources.rows.normal_forms import problems, replacements
from undertow.features.tables import SQL_TYPES, Table, TableColumn

ROW, REASON = "undertow_row", "undertow_reason"  # columns of our own beside the user's
ACCOUNTS, PROBLEM = "undertow_accounts", "undertow_problem"
RESERVED = "undertow_"  # no column of a source may begin with it
EARLIEST = "1980-01-01"  # a time before it is a missing one written as zero
CLOCKS = "INTERVAL 1 SECOND"  # by which the clocks of two systems may differ
KINDS = {"time": "a time", "number": "a number", "flag": "true or false", "text": "a text"}
UNKNOWN_ACCOUNT = "unknown account"
VISITOR = "a visitor without an account (kept apart, for conversion)"


def contract_select(table: Table, given: dict[str, str], reading: Reading, in_pieces: bool = False) -> str:
    """Return the SELECT that casts `staged` to the table's columns and adds REASON, the reason for quarantine.

    `given`: column -> DuckDB type of `staged`. A row without an account is assigned to the account its user belonged
    to then, where there are users. `in_pieces`: a row without its required columns is a piece of a state: what it
    leaves out is taken from the rows of its key before it. REASON is null for a row to keep. Raises ContractError
    where a required column is absent.
    """
    by_user = reading.has_users and table.name != "users" and "user_id" in given
    by_user = by_user and table.column("user_id") is not None and table.of_account is not None
    _refuse_missing_columns(table, given, by_user)
    placed = _assign_accounts(table) if by_user else f"placed AS (SELECT *, 0 AS {ACCOUNTS} FROM normal_rows)"
    return f"""
        WITH cast_rows AS (
            SELECT {ROW}, {cast_list(table, given, reading)}, {_unreadable(table, given, reading)} AS {PROBLEM}
            FROM staged
        ),
        {_filled_pieces(table, given) if in_pieces else "filled_rows AS (FROM cast_rows)"},
        {_with_defaults(table)},
        ordered_rows AS (SELECT * {_replace(_in_order(table))} FROM whole_rows),
        {_normal_rows(table, given, reading)},
        {placed}
        SELECT c.* EXCLUDE ({PROBLEM}, {ACCOUNTS}),
               coalesce({PROBLEM}, CASE {_reasons(table, reading.latest, "account_id" in given)} END) AS {REASON}
        FROM placed AS c {_account_join(table)}
    """


def cast_list(table: Table, given: dict[str, str], reading: Reading) -> str:
    """Return the casts of every column of the table, own profile columns included, with their names."""
    casts = [f"{cast(table, column, given, reading)} AS {quoted(column.name)}" for column in table.columns]
    casts += [f"{profile(name, given[name], reading)} AS {quoted(name)}" for name in profile_columns(table, given)]
    return ", ".join(casts)


def _with_defaults(table: Table) -> str:
    """Return the CTE in which every null has its default: that of another column, or the row's number as its key."""
    filled = {column.name: _default(table, column) for column in table.columns if column.default is not None}
    if table.invents_key:
        filled |= {name: f"coalesce({quoted(name)}, 'row ' || {ROW})" for name in table.key}
    return f"whole_rows AS (SELECT * {_replace(filled)} FROM filled_rows)"


def _filled_pieces(table: Table, given: dict[str, str]) -> str:
    """Return the CTE in which a row without a required column takes what it leaves out from earlier rows of its key."""
    before = f"(PARTITION BY {', '.join(quoted(name) for name in table.key)} ORDER BY {ROW})"
    is_piece = " OR ".join(f"{quoted(name)} IS NULL" for name in _required(table))
    names = [column.name for column in table.given_columns if column.name in given and column.name not in table.key]
    filled = {
        name: f"CASE WHEN {is_piece} THEN last_value({quoted(name)} IGNORE NULLS) OVER {before} ELSE {quoted(name)} END"
        for name in names
    }
    return f"filled_rows AS (SELECT * {_replace(filled)} FROM cast_rows)"


def _default(table: Table, column: TableColumn) -> str:
    fallback = table.column(column.default or "")
    if fallback is None:
        return quoted(column.name)
    return f"coalesce({quoted(column.name)}, {_default(table, fallback)})"


def _normal_rows(table: Table, given: dict[str, str], reading: Reading) -> str:
    values = replacements(table.name, given, reading.rated_0_or_1)
    impossible = problems(table.name, given, reading.rated_0_or_1)
    if table.name == "scores":
        impossible = [score_problem(reading.score_words)]
    if impossible:
        whens = " ".join(f"WHEN {condition} THEN {literal(reason)}" for condition, reason in impossible)
        values[PROBLEM] = f"coalesce({PROBLEM}, CASE {whens} END)"
    return f"normal_rows AS (SELECT * {_replace(values)} FROM ordered_rows)"


def _in_order(table: Table) -> dict[str, str]:
    """Return column -> SQL of a later time, moved by a second at most to the earlier one it must not precede."""
    values = {}
    for earlier, later in table.ordered:
        too_early = "NULL" if later in table.spared else later
        values[later] = (
            f"CASE WHEN {later} >= {earlier} OR {earlier} IS NULL THEN {later} "
            f"WHEN {later} >= {earlier} - {CLOCKS} THEN {earlier} ELSE {too_early} END"
        )
    return values


def _replace(values: dict[str, str]) -> str:
    listed = ", ".join(f"{value} AS {quoted(name)}" for name, value in values.items())
    return f"REPLACE ({listed})" if values else ""


def _assign_accounts(table: Table) -> str:
    """Return the CTEs that assign a row without an account to the account its user belonged to at that time.

    The row counts as recorded no earlier than the membership. `{ACCOUNTS}`: how many accounts the user had then.
    """
    return f"""
        belonged AS (
            SELECT c.{ROW}, count(DISTINCT u.account_id) AS {ACCOUNTS}, min(u.account_id) AS account_id,
                   min(u.recorded_at) AS recorded_at
            FROM normal_rows AS c JOIN memberships AS u ON u.user_id = c.user_id
                AND u.joined_at <= c.{table.happened_at} AND coalesce(c.{table.happened_at} < u.left_at, true)
            WHERE c.account_id IS NULL GROUP BY c.{ROW}
        ),
        placed AS (
            SELECT c.* REPLACE (
                       CASE WHEN m.{ACCOUNTS} = 1 THEN m.account_id ELSE c.account_id END AS account_id,
                       CASE WHEN m.{ACCOUNTS} = 1 THEN greatest(c.recorded_at, m.recorded_at)
                            ELSE c.recorded_at END AS recorded_at
                   ), coalesce(m.{ACCOUNTS}, 0) AS {ACCOUNTS}
            FROM normal_rows AS c LEFT JOIN belonged AS m USING ({ROW})
        )"""


def profile_columns(table: Table, given: dict[str, str]) -> list[str]:
    """Return the columns of accounts that are not in the contract: the project's own profile columns."""
    if table.name != "accounts":
        return []
    return [name for name in given if table.column(name) is None and not name.startswith(RESERVED)]


def refuse_reserved(table: Table, given: Iterable[str]) -> None:
    """Raise ContractError where a column of the SELECT has a name that is reserved for our own columns."""
    reserved = [name for name in given if name.startswith(RESERVED)]
    if reserved:
        raise ContractError(
            f"table {table.name}: the column name {reserved[0]} is reserved (no column may begin with {RESERVED}). "
            "Give it another name in the SELECT."
        )


def has_pieces(table: Table, given: dict[str, str], reading: Reading) -> str:
    """Return the SELECT that counts the rows of `staged` with a key but without another required column (column n)."""
    required = _required(table) or list(table.key[:1])
    missing = " OR ".join(f"{_own(table, name, given, reading)} IS NULL" for name in required)
    keyed = " AND ".join(f"{_own(table, name, given, reading)} IS NOT NULL" for name in table.key)
    return f"SELECT count(*) AS n FROM staged WHERE ({missing}) AND {keyed}"


def spared_times(table: Table, given: dict[str, str], reading: Reading) -> dict[str, str]:
    """Return column -> the SELECT that counts the rows of `staged` in which this time counts as missing (column n)."""
    found = {}
    for earlier, later in table.ordered:
        if later in table.spared and later in given:
            times = (_own(table, name, given, reading) for name in (later, earlier))
            found[later] = "SELECT count(*) AS n FROM staged WHERE {} < {} - {}".format(*times, CLOCKS)
    return found


def _own(table: Table, name: str, given: dict[str, str], reading: Reading) -> str:
    column = table.column(name)
    assert column is not None
    return f"({cast(table, column, given, reading)})"


def _required(table: Table) -> list[str]:
    return [column.name for column in table.columns if column.required and column.name not in table.key]


def _refuse_missing_columns(table: Table, given: dict[str, str], by_user: bool) -> None:
    needed = [
        column.name if column.name in given or column.default is None else column.default
        for column in table.columns
        if column.required and not column.is_computed
    ]
    needed = [name for name in needed if not (by_user and name == "account_id")]
    if table.invents_key:
        needed = [name for name in needed if name not in table.key]
    missing = [name for name in needed if name not in given]
    if missing:
        got = [name for name in given if not name.startswith(RESERVED)]
        hints = "".join(did_you_mean(name, got) for name in missing)
        raise ContractError(
            f"table {table.name} needs the column{'s' * (len(missing) > 1)} {', '.join(missing)}; "
            f"got {', '.join(got)}.{hints} Add it to the SELECT (`... AS {missing[0]}`)."
        )
    known = [column.name for column in table.given_columns]
    unknown = [name for name in given if name not in known and not name.startswith(RESERVED)]
    if unknown and table.name != "accounts":
        hint = did_you_mean(unknown[0], known)
        raise ContractError(
            f"table {table.name} has no column {unknown[0]}; its columns are {', '.join(known)}.{hint} "
            "Leave it out of the SELECT."
        )


def _account_join(table: Table) -> str:
    join = f"LEFT JOIN known_accounts AS a ON a.account_id = c.{table.of_account}"
    return join if _has_account(table) else ""


def _has_account(table: Table) -> bool:
    return table.of_account is not None and table.name != "accounts"


def _reasons(table: Table, latest: datetime, names_account: bool) -> str:
    """Return the WHEN ... THEN ... of every quarantine reason, most basic first.

    `names_account`: the source has the column account_id; otherwise accounts are known by their users.
    """
    reasons = [(f"c.{ACCOUNTS} > 1", "its user belongs to several accounts at that time")]
    if table.name == "events":
        reasons.append(("c.account_id IS NULL AND c.user_id IS NOT NULL AND c.kind IS NOT NULL "
                        "AND c.occurred_at IS NOT NULL", VISITOR))  # fmt: skip
    if table.of_account == "account_id" and not names_account:
        reasons.append(("c.account_id IS NULL", "its user_id belongs to no account at that time"))
    reasons += [_missing_reason(column) for column in table.columns if column.required and not column.is_computed]
    reasons += [(f"c.{time} IS NOT NULL AND c.{value} IS NULL", f"{value} is missing") for time, value in table.filled]
    if _has_account(table):
        reasons.append(("a.account_id IS NULL", UNKNOWN_ACCOUNT))
    reasons += [_epoch_reason(column) for column in table.given_columns if column.type == "time"]
    reasons += _time_reasons(table, latest)
    reasons += [(f"c.{later} < c.{earlier}", f"{later} is before {earlier}") for earlier, later in table.ordered]
    reasons += [
        (f"c.{column.name} < {column.minimum}", f"{column.name} is below {column.minimum:g}")
        for column in table.columns
        if column.minimum is not None
    ]
    return " ".join(f"WHEN {condition} THEN {literal(reason)}" for condition, reason in reasons)


def _unreadable(table: Table, given: dict[str, str], reading: Reading) -> str:
    """Return the CASE that names the first column whose value cannot be cast to its type."""
    branches = [
        f"WHEN {readable(table, column, given[column.name], reading)} IS NOT NULL "
        f"AND ({plain_cast(table, column, given, reading)}) IS NULL "
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
    if table.name == "subscriptions":  # a start that was announced may lie ahead
        reasons = [(f"c.started_at > {limit} AND c.recorded_at >= c.started_at", "started_at is in the future")]
    if table.column("recorded_at"):
        reasons.append((f"c.recorded_at > {limit}", "recorded_at is in the future"))
    return reasons
