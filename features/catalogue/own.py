"""A company's own features: the entries [[features]] of undertow.toml as cards, checked like those of the catalogue.

An entry holds the rows of one table, conditions on them, one statistic, and the parts of a card. It is translated to
the card language and compiled like every other card, so that the same point-in-time rule holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import get_args

from undertow.features.catalogue.cards import REASON_FAMILIES, Feature, Unit
from undertow.features.catalogue.checks import check_features, resolve
from undertow.features.catalogue.choose import EVERY, features_of
from undertow.features.catalogue.language import (
    FADING,
    ZERO_WHEN_NOTHING,
    Combination,
    Condition,
    Deviation,
    Exposure,
    Expression,
    Measure,
    Named,
    Operator,
    Ratio,
    Rows,
    Shrunk,
    Statistic,
    named,
)
from undertow.features.errors import DefinitionError, SettingsError, did_you_mean
from undertow.features.settings import Settings
from undertow.features.settings.own_features import Denominator, OwnFeature, OwnRows
from undertow.features.tables import ALL_TABLES, Table, TableColumn

# Columns of accounts are features as they stand (profile_...); rows of the others belong to no account, or to two.
NO_TABLES = ("accounts", "merges", "rates", "list_prices", "visitors")
OWN_TABLES = tuple(name for name in ALL_TABLES if name not in NO_TABLES)
UNITS = tuple(unit for unit in get_args(Unit) if unit != "text")
RESERVED = ("account_id", "as_of", "notice", "period")  # other columns of the feature table and inputs of the model
RESERVED_PREFIXES = ("profile_", "period_")
LONGEST_NAME, LONGEST_SENTENCE = 50, 120  # characters
PRIOR = 1.0  # rows added to both paces of a deviation, so that few rows say little
STATES = ("still", "open")  # conditions that choose rows by their state at as_of, whenever they happened

COLUMN_OF: dict[Statistic, tuple[str, ...]] = {  # statistic -> the types of the column that it is of; none: of rows
    "count": (),
    "distinct days": (),
    "days since last": (),
    "days since first": (),
    "sum": ("number",),
    "mean": ("number",),
    "quantile": ("number",),
    "largest": ("number",),
    "days since largest": ("number",),
    "latest": ("number",),
    "distinct": ("text",),
    "most per": ("text",),
    "days since most per": ("text",),
    "days until": ("time",),
    "days until last": ("time",),
    "hours between": ("time",),
    "sum of hours": ("time",),
}
UNIT_OF: dict[Statistic, Unit] = {  # of those whose unit follows from the statistic
    "count": "count",
    "distinct": "count",
    "most per": "count",
    "distinct days": "days",
    "days since last": "days",
    "days since first": "days",
    "days since largest": "days",
    "days since most per": "days",
    "days until": "days",
    "days until last": "days",
    "hours between": "hours",
    "sum of hours": "hours",
}
AT_AS_OF: tuple[Statistic, ...] = (  # need no period: they are of one row
    "latest", "days since last", "days since first", "days since largest", "days until", "days until last",
)  # fmt: skip
VALUE_OF: dict[str, type | tuple[type, ...]] = {  # column type -> types of a value in undertow.toml
    "text": str,
    "number": (int, float),
    "flag": bool,
}


def project_features(settings: Settings) -> tuple[Feature, ...]:
    """Return the cards of a project: the catalogue's, and its own ([[features]]).

    Events whose kind is in [events] not_activity are left out of every measure of the catalogue's that reads events of
    any kind, such as the days with activity. Raises SettingsError, naming each entry that is wrong.
    """
    kinds, cards = settings.events.not_activity, features_of(settings.churn.kind)
    if kinds:
        cards = tuple(replace(card, measure=_without(kinds, card.measure)) for card in cards)
    return (*cards, *own_features(settings))


def _without(kinds: tuple[str, ...], expression: Expression) -> Expression:
    """Return an expression with its events of any kind restricted to other kinds than these."""
    match expression:
        case Measure():
            return _measure_without(kinds, expression)
        case Ratio(over, under):
            return Ratio(_without(kinds, over), _without(kinds, under))
        case Combination(terms):
            return replace(expression, terms=tuple((weight, _without(kinds, term)) for weight, term in terms))
        case Shrunk(over, under, toward):
            over, under, toward = (_without(kinds, each) for each in (over, under, toward))
            return Shrunk(over, under, toward, expression.strength)
        case Deviation(recent, usual):
            return replace(expression, recent=_measure_without(kinds, recent), usual=_measure_without(kinds, usual))
        case Exposure(over, under, use=use):
            over, under, use = (_measure_without(kinds, each) for each in (over, under, use))
            return replace(expression, over=over, under=under, use=use)
        case Named():
            return expression


def _measure_without(kinds: tuple[str, ...], measure: Measure) -> Measure:
    rows = measure.rows
    is_of_any_kind = rows.table == "events" and not any(condition.column == "kind" for condition in rows.conditions)
    if not is_of_any_kind or measure.statistic == "days observed":  # these begin with the table's first row of any kind
        return measure
    return replace(measure, rows=replace(rows, conditions=(*rows.conditions, Condition("kind", "is none of", kinds))))


def own_features(settings: Settings) -> tuple[Feature, ...]:
    """Return a card per entry of [[features]], in their order, each valid beside the catalogue's cards.

    Raises SettingsError, naming each entry that is wrong.
    """
    cards: list[Feature] = []
    problems: list[str] = []
    for entry in settings.features:
        try:
            cards.append(_checked(entry, (*features_of(settings.churn.kind), *cards), settings.events.kinds))
        except DefinitionError as error:
            text = str(error).removeprefix(f"{entry.name}: ").removeprefix(f"{entry.name} ")
            problems.append(f"[[features]] '{entry.name}': {text}")
    if problems:
        raise SettingsError("\n".join(problems))
    return tuple(cards)


def _checked(entry: OwnFeature, others: tuple[Feature, ...], event_kinds: tuple[str, ...]) -> Feature:
    """Return the card of an entry, its reference to another card resolved; `others`: the cards before it."""
    _check_name(entry.name)
    _check_words(entry)
    card = _card(entry, {other.name: other for other in others})
    _check_period(entry)
    _check_null(card, entry)
    _check_columns(card, others)
    card = resolve((*others, card))[-1]
    check_features([card], event_kinds)
    return card


# --- the card --------------------------------------------------------------------------------------


def _card(entry: OwnFeature, others: Mapping[str, Feature]) -> Feature:
    return Feature(
        entry.name,
        entry.sentence,
        family=entry.family,  # type: ignore[arg-type]  # checked
        level=entry.level,  # type: ignore[arg-type]  # checked by check_features
        unit=entry.unit,  # type: ignore[arg-type]  # checked
        measure=_expression(entry, others),
        windows=entry.windows,
        trend=entry.trend,
        own=entry.own,
        peers=entry.peers,
        change=entry.change,
        lookback=entry.lookback,
        null_means=entry.null_means or "never null",
        good=entry.good,
        feeds=entry.feeds,
        deviates=entry.usual is not None,
    )


def _expression(entry: OwnFeature, others: Mapping[str, Feature]) -> Expression:
    measure = _measure(entry, _table(entry.table))
    measure = measure.fading(entry.half_life) if entry.half_life is not None else measure
    _check_unit(entry, measure.statistic)
    if entry.usual is not None:
        return _deviation(entry, measure)
    if entry.per_day:
        return _per_day(entry, measure)
    if entry.per is None:
        return measure
    return Ratio(measure, _denominator(entry, entry.per, others))


def _deviation(entry: OwnFeature, measure: Measure) -> Deviation:
    if entry.half_life is None or measure.statistic != "count" or entry.per is not None or entry.per_day:
        raise DefinitionError(
            'usual compares the pace of a count with the usual one of the account; expected measure = "count" with '
            "half_life, and neither per nor per_day."
        )
    if entry.usual is None or entry.usual <= entry.half_life:
        raise DefinitionError(
            f"usual must be a longer half-life than half_life; got usual = {entry.usual}, half_life = "
            f"{entry.half_life} (days), such as 180 and 21."
        )
    if entry.good is None:
        raise DefinitionError('a distance from what is usual has a good side; expected good = "high" or "low".')
    return Deviation(measure, measure.fading(entry.usual), PRIOR)


def _per_day(entry: OwnFeature, measure: Measure) -> Ratio:
    if entry.half_life is None or measure.statistic not in ("count", "sum") or entry.per is not None:
        raise DefinitionError(
            'per_day divides by the days observed; expected measure = "count" or "sum" with half_life, and no per.'
        )
    return measure.per_day()


def _denominator(entry: OwnFeature, per: Denominator, others: Mapping[str, Feature]) -> Expression:
    """Return what the measure is divided by: another card, or rows that fade alike."""
    if per.feature:
        _check_reference(entry, per, others)
        return named(per.feature)
    rows = per.model_copy(
        update={
            "table": per.table or entry.table,
            "clock": per.clock or (entry.clock if per.table in ("", entry.table) else ""),
            "measure": per.measure or "count",
        }
    )
    measure = _measure(rows, _table(rows.table))
    return measure.fading(entry.half_life) if entry.half_life is not None else measure


def _check_reference(entry: OwnFeature, per: Denominator, others: Mapping[str, Feature]) -> None:
    if per.model_fields_set != {"feature"}:
        raise DefinitionError("per names a feature or describes rows, not both; remove one.")
    other = others.get(per.feature)
    if other is None:
        hint = did_you_mean(per.feature, others)
        raise DefinitionError(
            f"per names the unknown feature '{per.feature}'.{hint} One of your own must stand above this one."
        )
    if other.unit == "text":
        raise DefinitionError(f"per names '{per.feature}', which is a text; expected a number to divide by.")
    if other.windows and not entry.windows:
        raise DefinitionError(f"per names '{per.feature}', which has windows; give this feature windows too.")


# --- rows and statistics ---------------------------------------------------------------------------


def _table(name: str) -> Table:
    if not name:
        raise DefinitionError(f"table is missing; expected one of: {', '.join(OWN_TABLES)}.")
    if name == "accounts":
        raise DefinitionError(
            "table 'accounts' has no rows to count. A column of your own in the SELECT of accounts is a feature "
            "already, profile_<column>."
        )
    if name in NO_TABLES:
        raise DefinitionError(f"the rows of table '{name}' are of no single account; use: {', '.join(OWN_TABLES)}.")
    if name not in ALL_TABLES:
        raise DefinitionError(f"unknown table '{name}'.{did_you_mean(name, OWN_TABLES)} Use: {', '.join(OWN_TABLES)}.")
    return ALL_TABLES[name]


def _measure(entry: OwnRows, table: Table) -> Measure:
    statistic = _statistic(entry.measure)
    _check_arguments(entry, statistic)
    if COLUMN_OF[statistic]:
        _column(table, entry.column, COLUMN_OF[statistic], f'measure = "{statistic}"')
    if entry.until:
        _column(table, entry.until, ("time",), "until")
    if entry.every_months:
        _column(table, entry.every_months, ("number",), "every_months")
    until = entry.until or entry.every_months or None
    return Measure(_rows(entry, table), statistic, entry.column or None, until, entry.share)


def _statistic(name: str) -> Statistic:
    for statistic in COLUMN_OF:
        if statistic == name:
            return statistic
    got = f"unknown measure '{name}'.{did_you_mean(name, COLUMN_OF)}" if name else "measure is missing."
    raise DefinitionError(f"{got} Expected one of: {', '.join(COLUMN_OF)}.")


def _check_arguments(entry: OwnRows, statistic: Statistic) -> None:
    """Refuse a statistic that lacks what it is of, and settings that it does not read."""
    reads = {
        "column": bool(COLUMN_OF[statistic]),
        "until": statistic in ("hours between", "sum of hours"),
        "share": statistic == "quantile",
    }
    given = {"column": bool(entry.column), "until": bool(entry.until), "share": entry.share is not None}
    for name, is_read in reads.items():
        if is_read and not given[name]:
            raise DefinitionError(f'measure = "{statistic}" needs {name}; add it.')
        if given[name] and not is_read:
            raise DefinitionError(f'measure = "{statistic}" does not read {name}; remove it.')
    if entry.every_months and statistic != "days until":
        raise DefinitionError(f'measure = "{statistic}" does not read every_months; remove it.')


def _rows(entry: OwnRows, table: Table) -> Rows:
    clock = entry.clock or table.happened_at
    _column(table, clock, ("time",), "clock")
    return Rows(table.name, clock, tuple(_conditions(entry, table)))


def _conditions(entry: OwnRows, table: Table) -> Iterable[Condition]:
    for name, value in entry.where.items():
        column = _column(table, name, ("text", "number", "flag"), "where")
        yield Condition(name, "is", _values(table, column, value))
    limits: tuple[tuple[str, Operator, Mapping[str, float]], ...] = (
        ("above", "above", entry.above),
        ("at_least", "at least", entry.at_least),
        ("below", "below", entry.below),
        ("at_most", "at most", entry.at_most),
    )
    for setting, operator, of in limits:
        for name, limit in of.items():
            _column(table, name, ("number",), setting)
            yield Condition(name, operator, limit)
    for name, best in entry.top.items():
        _column(table, name, ("number",), "top")
        if not table.column("scale_max"):
            raise DefinitionError(f"top needs answers that state their scale; {table.name} have no scale_max.")
        yield Condition(name, "top", best)
    for name in entry.known:
        _column(table, name, ("text", "number", "flag", "time"), "known")
        yield Condition(name, "known")
    states: tuple[tuple[str, Operator, tuple[str, ...]], ...] = (
        ("still", "not yet", entry.still),
        ("past", "already", entry.past),
    )
    for setting, operator, names in states:
        for name in names:
            _column(table, name, ("time",), setting)
            yield Condition(name, operator)
    for closed, reopened in entry.open.items():
        for name in (closed, reopened):
            _column(table, name, ("time",), "open")
        yield Condition(closed, "open", reopened)


def _column(table: Table, name: str, types: tuple[str, ...], setting: str) -> TableColumn:
    """Return a column of the table. Raises DefinitionError where there is none, or it is of another type."""
    column = table.column(name)
    if column is None:
        hint = did_you_mean(name, [each.name for each in table.columns])
        raise DefinitionError(f"table {table.name} has no column '{name}' ({setting}).{hint}")
    if column.type not in types:
        raise DefinitionError(
            f"{setting} needs a {' or '.join(types)} column; {table.name}.{name} is a {column.type}. "
            "Name another column, or another condition or measure."
        )
    return column


def _values(table: Table, column: TableColumn, value: object) -> object:
    """Return a value, or a tuple of several, as the column stores it: words in lower case, a currency in upper case."""
    if isinstance(value, tuple):
        if not value:
            raise DefinitionError(f"where: the list of values of {column.name} is empty; name one at least.")
        return tuple(_values(table, column, each) for each in value)
    if not isinstance(value, VALUE_OF[column.type]) or (isinstance(value, bool) and column.type != "flag"):
        raise DefinitionError(f"where: {table.name}.{column.name} is a {column.type}; got {value!r}.")
    if column.is_word and isinstance(value, str):
        return value.strip().upper() if column.name == "currency" else value.strip().lower()
    return value


# --- checks ----------------------------------------------------------------------------------------


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or len(name) > LONGEST_NAME:
        raise DefinitionError(
            "a name is also a column: expected lower-case letters, digits and underscores, beginning with a letter, "
            f"at most {LONGEST_NAME} characters; rename it."
        )
    if name in RESERVED or name.startswith(RESERVED_PREFIXES):
        raise DefinitionError("the name is used for columns of Undertow; rename it.")


def _check_words(entry: OwnFeature) -> None:
    """Check the sentence, which evidence quotes, and the words of the card that are of a fixed list."""
    sentence = entry.sentence
    if not sentence or sentence != sentence.strip() or "\n" in sentence or len(sentence) > LONGEST_SENTENCE:
        raise DefinitionError(f"sentence must be one line of 1 to {LONGEST_SENTENCE} characters; got {sentence!r}.")
    if sentence[0].islower() or sentence.endswith("."):
        raise DefinitionError(f"sentence begins with a capital letter and ends without a full stop; got {sentence!r}.")
    if re.search(r"\b(last|past) \d+ (days|weeks|months)\b", sentence):
        raise DefinitionError(f"sentence must not name the period, which follows it for each window; got {sentence!r}.")
    for setting, word, known in (("family", entry.family, REASON_FAMILIES), ("unit", entry.unit, UNITS)):
        if word not in known:
            hint = did_you_mean(word, known)
            raise DefinitionError(f"unknown {setting} '{word}'; expected one of: {', '.join(known)}.{hint}")


def _check_unit(entry: OwnFeature, statistic: Statistic) -> None:
    """Refuse a unit that contradicts the measure, as evidence would misstate the value."""
    expected: Unit | None = UNIT_OF.get(statistic) if entry.per is None else None
    if entry.per_day:
        expected = "per day"
    if entry.usual is not None:
        expected = "log ratio"
    if expected is not None and entry.unit != expected:
        raise DefinitionError(f'expected unit = "{expected}" for this measure, got "{entry.unit}"; correct it.')
    if expected is None and entry.unit in ("log ratio", "per day"):
        needed = "usual" if entry.unit == "log ratio" else "per_day"
        raise DefinitionError(f'unit = "{entry.unit}" goes with {needed}, which is absent; choose another unit.')
    if entry.unit == "share" and entry.per is None:
        raise DefinitionError('unit = "share" is of a whole; divide by it with per.')


def _check_period(entry: OwnFeature) -> None:
    """Refuse a measure of many rows without a period, and periods that exclude one another."""
    is_faded = entry.half_life is not None
    has_state = any(getattr(entry, state) for state in STATES)
    if not (entry.windows or entry.lookback or is_faded or has_state or entry.measure in AT_AS_OF):
        raise DefinitionError(
            f'measure = "{entry.measure}" needs a period; expected windows = [30, 90] (days), lookback or half_life. '
            "Of all history it would grow with the age of the account."
        )
    if is_faded and entry.measure not in FADING:
        raise DefinitionError(f'measure = "{entry.measure}" has no half_life; use windows or lookback.')
    for setting, value in (("lookback", entry.lookback), ("change", entry.change)):
        if entry.windows and value is not None:
            instead = "the windows say how far it looks back" if setting == "lookback" else "use trend"
            raise DefinitionError(f"{setting} is of a feature at as_of, without windows; remove it: {instead}.")


def _check_null(card: Feature, entry: OwnFeature) -> None:
    """Refuse a value that may be null without a reason for it, and a reason where it never is."""
    measure = card.measure
    is_never_null = isinstance(measure, Measure) and measure.statistic in ZERO_WHEN_NOTHING
    if not is_never_null and not entry.null_means:
        raise DefinitionError('its value may be null; say why in null_means, such as null_means = "no delivery".')
    if is_never_null and entry.null_means:
        raise DefinitionError("its value is 0 where there are no rows, and never null; remove null_means.")


def _check_columns(card: Feature, others: Iterable[Feature]) -> None:
    """Refuse a name or a column that another card has."""
    names = {card.name, *(column.name for column in card.columns)}
    for other in others:
        clash = names & {other.name, *(column.name for column in other.columns)}
        if clash:
            owner = "Undertow's feature" if other in EVERY else "your feature"
            raise DefinitionError(f"'{min(clash)}' is a name or column of {owner} '{other.name}' already; rename it.")
