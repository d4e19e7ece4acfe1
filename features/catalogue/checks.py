"""Validates feature cards before any data are read: unknown names, invalid windows, and columns that may leak."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from undertow.features.catalogue.cards import FAMILIES, LEVELS, OWN_DAYS, WINDOWS, Feature
from undertow.features.catalogue.language import (
    FADING,
    KINDS,
    NESTED,
    Combination,
    Condition,
    Deviation,
    Exposure,
    Expression,
    Measure,
    Named,
    Ratio,
    Shrunk,
    columns_read,
    measures,
)
from undertow.features.errors import DefinitionError, did_you_mean
from undertow.features.tables import ALL_TABLES, Table


def resolve(features: Iterable[Feature]) -> tuple[Feature, ...]:
    """Return the cards with every reference to a named card replaced by that card's measure.

    Raises DefinitionError for an unknown name, and for cards that refer to themselves in a circle.
    """
    cards = {feature.name: feature for feature in features}
    return tuple(replace(card, measure=_resolved(card.measure, cards, (card.name,))) for card in cards.values())


def _resolved(expression: Expression, cards: dict[str, Feature], path: tuple[str, ...]) -> Expression:
    match expression:
        case Named(name):
            if name not in cards:
                raise DefinitionError(f"{path[-1]} names the unknown feature '{name}'.{did_you_mean(name, cards)}")
            if name in path:
                raise DefinitionError(f"Features lead back to themselves: {' -> '.join((*path, name))}.")
            measure = _resolved(cards[name].measure, cards, (*path, name))
            return measure if cards[name].windows else _at_as_of(measure)
        case Ratio(over, under):
            return Ratio(_resolved(over, cards, path), _resolved(under, cards, path))
        case Combination(terms):
            return replace(expression, terms=tuple((w, _resolved(term, cards, path)) for w, term in terms))
        case Shrunk(over, under, toward):
            over, under, toward = (_resolved(each, cards, path) for each in (over, under, toward))
            return Shrunk(over, under, toward, expression.strength)
        case Measure() | Deviation() | Exposure():
            return expression


def _at_as_of(expression: Expression) -> Expression:
    match expression:
        case Measure():
            return expression.ever()
        case Ratio(over, under):
            return Ratio(_at_as_of(over), _at_as_of(under))
        case Combination(terms):
            return replace(expression, terms=tuple((w, _at_as_of(term)) for w, term in terms))
        case Shrunk(over, under, toward):
            return Shrunk(_at_as_of(over), _at_as_of(under), _at_as_of(toward), expression.strength)
        case Named() | Deviation() | Exposure():
            return expression


def check_features(features: Iterable[Feature], event_kinds: tuple[str, ...] = ()) -> None:
    """Raise DefinitionError for a duplicate or unknown name, an invalid window, or a column that may leak.

    `event_kinds`: the project's own kinds of events.
    """
    seen: set[str] = set()
    cards = list(features)
    for feature in cards:
        for column in feature.columns:
            if column.name in seen:
                raise DefinitionError(f"Two features yield the column '{column.name}'; rename one.")
            seen.add(column.name)
        _check_card(feature)
    for feature in resolve(cards):
        for measure in measures(feature.measure):
            _check_measure(feature, measure, event_kinds)
        _check_fading(feature)
        _check_all_accounts(feature, feature.measure)


def _check_card(feature: Feature) -> None:
    if feature.family not in FAMILIES:
        raise DefinitionError(f"{feature.name}: unknown family '{feature.family}'; known: {', '.join(FAMILIES)}")
    if feature.level not in LEVELS:
        raise DefinitionError(f"{feature.name}: unknown level '{feature.level}'; known: {', '.join(LEVELS)}")
    if feature.own is not None and feature.own >= OWN_DAYS:
        raise DefinitionError(f"{feature.name}: own={feature.own} leaves no days before it, up to {OWN_DAYS}")
    for days in (feature.change, feature.lookback):
        if days is not None and not (isinstance(days, int) and days > 0):
            raise DefinitionError(
                f"{feature.name}: change and lookback must be a whole number of days above 0; got {days!r}."
            )
    for days in (*feature.windows, feature.trend, feature.own, feature.peers):
        if days is not None and days not in WINDOWS:
            known = ", ".join(map(str, WINDOWS))
            raise DefinitionError(f"{feature.name}: unknown window {days!r}; windows are {known} days")
    _check_feeds(feature)


def _check_feeds(feature: Feature) -> None:
    if feature.feeds is False or any(column.feeds for column in feature.columns):
        return
    known = f"one of its windows ({', '.join(map(str, feature.windows))} days)" if feature.windows else "True"
    raise DefinitionError(f"{feature.name}: feeds={feature.feeds!r} names no column of the card; expected {known}.")


def _check_fading(feature: Feature) -> None:
    """Refuse a fading measure of another statistic, and one whose window another part of the card would set."""
    fading = [measure for measure in measures(feature.measure) if measure.half_life is not None]
    for measure in fading:
        if measure.statistic not in FADING or not (isinstance(measure.half_life, int) and measure.half_life > 0):
            raise DefinitionError(
                f"{feature.name}: {measure.statistic} cannot fade with a half-life of {measure.half_life!r} days; "
                f"{', '.join(FADING)} can, with a whole number of days above 0."
            )
        if measure.is_ever or measure.days_earlier:
            raise DefinitionError(f"{feature.name}: a fading measure covers three years; remove ever() or earlier().")
    days = (feature.trend, feature.own, feature.peers, feature.change, feature.lookback)
    if fading and (feature.windows or any(days)):
        raise DefinitionError(
            f"{feature.name}: a fading measure covers three years, so the card can have no windows, trend, own, peers, "
            "change or lookback; compare two half-lives instead."
        )


def _check_all_accounts(feature: Feature, expression: Expression) -> None:
    """Refuse what cannot be computed over all accounts, and exposures whose parts are not rows of one table."""
    match expression:
        case Ratio(over, under):
            parts: tuple[Expression, ...] = (over, under)
        case Combination(terms):
            parts = tuple(term for _, term in terms)
        case Shrunk(over, under, toward):
            parts = (over, under, toward)
        case Exposure():
            parts = ()
            _check_exposure(feature, expression)
        case _:
            parts = ()
            if isinstance(expression, Measure) and expression.of_all and expression.statistic in NESTED:
                raise DefinitionError(f"{feature.name}: '{expression.statistic}' is of one account, not of all.")
    for part in parts:
        _check_all_accounts(feature, part)


def _check_exposure(feature: Feature, exposure: Exposure) -> None:
    read = measures(exposure)
    sources = {(measure.rows.table, measure.rows.clock) for measure in read}
    if len(sources) > 1 or any(m.half_life is None or m.statistic not in ("count", "sum") for m in read):
        raise DefinitionError(
            f"{feature.name}: the parts of an exposure must be fading counts or sums of one table, timed by one column."
        )
    [(table, _)] = sources
    for name in exposure.by:
        _check_column(feature, ALL_TABLES[table], name)


def _check_measure(feature: Feature, measure: Measure, event_kinds: tuple[str, ...]) -> None:
    table = ALL_TABLES.get(measure.rows.table)
    if table is None:
        hint = did_you_mean(measure.rows.table, ALL_TABLES)
        raise DefinitionError(f"{feature.name} reads the unknown table '{measure.rows.table}'.{hint}")
    if measure.share is not None and not 0 <= measure.share <= 1:
        raise DefinitionError(f"{feature.name}: the share of a quantile must lie in 0 to 1; got {measure.share}.")
    for condition in measure.rows.conditions:
        _check_kind(feature, measure.rows.table, condition, event_kinds)
    for name in sorted(columns_read(measure)):
        _check_column(feature, table, name)


def _check_kind(feature: Feature, table: str, condition: Condition, event_kinds: tuple[str, ...]) -> None:
    if condition.column != "kind" or table not in KINDS:
        return
    known = (*KINDS[table], *(event_kinds if table == "events" else ()))
    for kind in condition.value if isinstance(condition.value, tuple) else (condition.value,):
        if kind not in known:
            hint = did_you_mean(str(kind), known)
            own = " Kinds of your own are listed in [events] kinds of undertow.toml." if table == "events" else ""
            raise DefinitionError(f"{feature.name}: {table} have no kind '{kind}'.{hint}{own}")


def _check_column(feature: Feature, table: Table, name: str) -> None:
    column = table.column(name)
    if column is None and table.name != "accounts":
        hint = did_you_mean(name, [column.name for column in table.columns])
        raise DefinitionError(f"{feature.name}: table {table.name} has no column '{name}'.{hint}")
    if column is not None and column.type == "time" and not column.has_rule(table):
        raise DefinitionError(
            f"{feature.name}: {table.name}.{name} is a time that may leak: its contract states neither from when "
            "it is known (known_from) nor that it is set in advance (planned). State one of them."
        )
