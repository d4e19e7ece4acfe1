"""Feature cards of the columns of a file of feature rows, as [examples] of undertow.toml describes them.

The columns were computed elsewhere: a card measures "the value in the file", so that its definition differs from that
of every card whose values are computed here, and a model knows from which of the two it learned.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import get_args

from undertow.features.catalogue.cards import FAMILIES, Family, Feature, Unit, definition_id
from undertow.features.catalogue.choose import FEATURES
from undertow.features.catalogue.language import Rows
from undertow.features.catalogue.own import RESERVED, RESERVED_PREFIXES
from undertow.features.errors import SettingsError, did_you_mean
from undertow.features.settings import FILE_NAME
from undertow.features.settings.examples import ExampleColumns

IDS = ("account_id", "as_of")
OUTCOMES = ("churn_days", "followed_days", "churned", "cause")
FACTS = ("name", "segment", "country", "owner")  # of the account, shown in the list; the segment is a feature too
FIXED = (*IDS, *OUTCOMES, *FACTS)
# Periods, value and notices are computed from them: they mean what they mean in the catalogue, and keep their cards.
OUR_COLUMNS = (
    "mrr", "tenure_days", "days_to_renewal", "term_months", "days_to_card_expiry", "card_expired", "in_dunning",
    "days_since_failed_payment", "days_to_list_price_step", "list_price_step_ahead", "mrr_ending", "mrr_pausing",
    "mrr_starting", "days_to_announced_end", "days_to_last_announced_end", "days_to_announced_pause",
    "days_to_announced_start",
)  # fmt: skip
COMPUTED = ("expected_spend", "spend_low", "spend_high", "buys_again", "spend_if_away")  # written beside features
LONGEST_NAME, LONGEST_SENTENCE = 100, 160  # characters
UNITS = get_args(Unit)
WRITE = 'ux = ["..."], or cx, billing, usage, contract, profile, or ignore'
ROWS = Rows("examples", "as_of")


def given_definition(name: str) -> str:
    """Return the definition id of a column that is read from a file; it depends on the name alone."""
    return definition_id(_card(name, "Value", "profile", "score"))


def families_of(described: ExampleColumns, names: Sequence[str]) -> dict[str, Family]:
    """Return column -> family of the feature columns among `names`, the columns of a file, in their order.

    Left out are the fixed columns and those to ignore. Raises SettingsError, naming everything that is wrong, where
    [examples] does not describe every other column exactly once, or names what is not in the file.
    """
    ignored = ignored_columns(described, names)
    kept = [name for name in names if name not in ignored]
    found: dict[str, Family] = {name: _our_card(name).family for name in kept if name in OUR_COLUMNS}
    listed = {name: _listed(name, described) for name in kept if name not in (*FIXED, *OUR_COLUMNS)}
    problems = [
        *_unlisted([name for name, families in listed.items() if not families]),
        *(f"'{name}' is named more than once, under {' and '.join(families)}; name it once."
          for name, families in listed.items() if len(families) > 1),
        *(problem for name in listed for problem in _wrong_name(name)),
        *_absent(described, kept, ignored),
        *_wrong_details(described, list(listed), ignored),
    ]  # fmt: skip
    if problems:
        raise SettingsError(f"[examples] of {FILE_NAME} does not fit the file:\n  " + "\n  ".join(problems))
    found |= {name: families[0] for name, families in listed.items()}
    return {name: found[name] for name in names if name in found}


def ignored_columns(described: ExampleColumns, names: Iterable[str]) -> frozenset[str]:
    """Return the columns of a file that are not read; account_id and as_of always are."""
    return frozenset(name for name in names if name not in IDS and _matches(name, described.ignore))


def given_features(
    described: ExampleColumns, families: Mapping[str, Family], texts: Collection[str]
) -> tuple[Feature, ...]:
    """Return the card of the segment, then those of the feature columns; `texts`: those that hold texts.

    Raises SettingsError where the unit of a text is another one than "text".
    """
    wrong = [f"'{name}' holds texts, and its unit is \"{described.units[name]}\"; it must be \"text\"."
             for name in families if name in texts and described.units.get(name, "text") != "text"]  # fmt: skip
    wrong += [f"'{name}' holds texts, and Undertow computes with it as a number; correct it in the file."
              for name in families if name in texts and name in OUR_COLUMNS]  # fmt: skip
    if wrong:
        raise SettingsError(f"[examples] of {FILE_NAME} does not fit the file:\n  " + "\n  ".join(wrong))
    segment = _card("segment", "Segment", "profile", "text")
    return (segment, *(_feature(described, name, family, name in texts) for name, family in families.items()))


def _feature(described: ExampleColumns, name: str, family: Family, is_text: bool) -> Feature:
    if name in OUR_COLUMNS:
        return replace(_our_card(name), measure=ROWS.latest(name), windows=(), trend=None, own=None, peers=None,
                       change=None, lookback=None, null_means="not stated")  # fmt: skip
    card = _card(name, described.sentences.get(name, in_words(name)), family,
                 "text" if is_text else described.units.get(name, "score"))  # type: ignore[arg-type]  # fmt: skip
    return replace(card, good=described.good.get(name), deviates=_matches(name, described.deviates))


def _card(name: str, sentence: str, family: Family, unit: Unit) -> Feature:
    return Feature(name, sentence, family=family, level="relationship", unit=unit, measure=ROWS.latest(name),
                   null_means="not stated", feeds=True)  # fmt: skip


def in_words(name: str) -> str:
    """Return the name of a column as a sentence.

    >>> in_words("load_seconds_30d")
    'Load seconds 30d'
    """
    return name.replace("_", " ").strip().capitalize()


def _our_card(name: str) -> Feature:
    return next(card for card in FEATURES if card.name == name)


# --- the lists of [examples] -----------------------------------------------------------------------


def _lists(described: ExampleColumns) -> dict[Family, tuple[str, ...]]:
    return {family: getattr(described, family) for family in FAMILIES}


def _listed(name: str, described: ExampleColumns) -> list[Family]:
    """Return the families that name a column, as often as they do; by a pattern only where none names it in full."""
    lists = _lists(described).items()
    exact = [family for family, entries in lists for entry in entries if entry.lower() == name]
    return exact or [family for family, entries in lists if _matches(name, entries)]


def _matches(name: str, entries: Iterable[str]) -> bool:
    return any(fnmatchcase(name, entry.lower()) for entry in entries)


def _is_pattern(entry: str) -> bool:
    return any(sign in entry for sign in "*?[")


def _unlisted(names: Sequence[str]) -> list[str]:
    if not names:
        return []
    return [f"No family names {', '.join(names)}. Say what each measures: {WRITE}."]


def _wrong_name(name: str) -> list[str]:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or len(name) > LONGEST_NAME:
        return [
            f"'{name}' cannot be the name of a feature: expected letters, digits and underscores, beginning with a "
            f"letter, at most {LONGEST_NAME} characters; rename it in the file, or ignore it."
        ]
    if name in (*RESERVED, *COMPUTED) or name.startswith((*RESERVED_PREFIXES, "undertow_")):
        return [f"'{name}' is a name that Undertow uses for columns of its own; rename it in the file, or ignore it."]
    return []


def _absent(described: ExampleColumns, names: Sequence[str], ignored: Collection[str]) -> list[str]:
    """Return a problem per entry of a family that names no feature column of the file."""
    problems = []
    for family, entries in _lists(described).items():
        for entry in entries:
            name = entry.lower()
            if name in FIXED:
                problems.append(f"{family} names '{entry}', a column of fixed meaning; remove it there.")
            elif name in OUR_COLUMNS:
                problems.append(f"{family} names '{entry}', which keeps the family of its card "
                                f"({_our_card(name).family}); remove it there.")  # fmt: skip
            elif name in ignored:
                problems.append(f"'{entry}' is named under {family} and under ignore; name it once.")
            elif not any(fnmatchcase(each, name) for each in names):
                what = "no column of the file matches" if _is_pattern(entry) else "the file has no such column."
                problems.append(f"{family} names '{entry}': {what}{did_you_mean(name, names)}")
    return problems


def _wrong_details(described: ExampleColumns, names: Sequence[str], ignored: Collection[str]) -> list[str]:
    """Return the problems of sentences, good sides, units and distances."""
    checks: tuple[tuple[str, Mapping[str, str], Callable[[str], str]], ...] = (
        ("sentences", described.sentences, _wrong_sentence),
        ("good", described.good, lambda side: ""),
        ("units", described.units, _wrong_unit),
    )
    problems = []
    for section, entries, wrong in checks:
        for name, value in entries.items():
            if name in OUR_COLUMNS or name in FIXED:
                problems.append(f"{section} names '{name}', whose meaning is fixed; remove it there.")
            elif name not in names and name not in ignored:
                problems.append(f"{section} names '{name}': the file has no such column.{did_you_mean(name, names)}")
            elif wrong(value):
                problems.append(f"{section}, '{name}': {wrong(value)}")
    for entry in described.deviates:
        matched = [name for name in names if fnmatchcase(name, entry.lower())]
        if not matched:
            problems.append(f"deviates names '{entry}': the file has no such column.{did_you_mean(entry, names)}")
        problems += [f"deviates names '{name}', and a distance has a better side: say \"high\" or \"low\" in "
                     "[examples.good]." for name in matched if name not in described.good]  # fmt: skip
    return problems


def _wrong_sentence(sentence: str) -> str:
    if not sentence or sentence != sentence.strip() or "\n" in sentence or len(sentence) > LONGEST_SENTENCE:
        return f"expected one line of 1 to {LONGEST_SENTENCE} characters, got {sentence!r}; correct it."
    if sentence[0].islower() or sentence.endswith("."):
        return f"expected a capital letter at the beginning and no full stop at the end, got {sentence!r}; correct it."
    return ""


def _wrong_unit(unit: str) -> str:
    if unit in UNITS:
        return ""
    return f"unknown unit '{unit}'; expected one of: {', '.join(UNITS)}.{did_you_mean(unit, UNITS)}"
