"""A simulated company: its canonical tables, and what the files of all vendors must agree on.

Each vendor's module beside this one writes the company in that vendor's own export format. They share the accounts'
web domains, currencies and ids, and the e-mail addresses of the users, which are drawn here, once per seed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from zlib import crc32

import numpy as np
import pandas as pd
from numpy.random import Generator

from undertow.features.simulator import choose_world, simulate

PER_EURO = {"EUR": Decimal(1), "USD": Decimal("1.25"), "JPY": Decimal(160)}  # fixed rates, so that MRR does not move
DECIMALS = {"EUR": 2, "USD": 2, "JPY": 0}
OTHER_CURRENCY_SHARE = 0.1  # of accounts: they pay in JPY or USD
SHARED_DOMAIN_SHARE = 0.01  # of accounts: their web domain is that of another account, too
FREE_MAIL_SHARE = 0.04  # of users: their address tells no company
FREE_MAIL = ("gmail.com", "outlook.com", "gmx.net")
FIRST_NAMES = ("ada", "bo", "carla", "dan", "ebba", "finn", "gita", "hugo", "ines", "jan", "kira", "leo")
LAST_NAMES = ("arnold", "berg", "costa", "duval", "eriks", "fabre", "gomez", "hansen", "ivanov", "jansen")
USUAL_ACCOUNTS = 600


@dataclass(frozen=True, eq=False)  # equal to itself alone, so that what is computed from it can be cached
class Company:
    """A simulated company.

    `tables`: the canonical tables as the simulator wrote them, with late, repeated and invalid events.
    `first_day` and `end`: the history is [first_day, end), UTC. `folder`: where the canonical Parquet files are.
    """

    folder: Path
    seed: int
    first_day: pd.Timestamp
    end: pd.Timestamp
    tables: dict[str, pd.DataFrame]

    def draw(self, *names: str) -> Generator:
        """Return a random generator that depends only on the seed and these names."""
        return np.random.default_rng([self.seed, crc32("/".join(names).encode())])

    def chances(self, count: int, *names: str) -> list[float]:
        """Return numbers spread evenly over [0, 1), in random order: a small company has rare noise, too."""
        return ((self.draw(*names).permutation(count) + 0.5) / max(count, 1)).tolist()  # type: ignore[no-any-return]

    @cached_property
    def accounts(self) -> pd.DataFrame:
        """Return the customers with `domain`, `domain_is_shared`, `currency` and CRM ids; without the uptime monitor.

        The monitor has no segment: it is in no CRM, and its events belong to an account that no one has listed.
        """
        accounts = self.tables["accounts"]
        accounts = accounts[accounts["segment"].notna()].reset_index(drop=True)
        n, draw = len(accounts), self.draw("accounts")
        number = accounts["account_id"].str.removeprefix("A-").astype(int)
        domain = accounts["name"].map(_slug) + number.astype(str) + ".com"
        sharer = draw.choice(n, max(1, round(n * SHARED_DOMAIN_SHARE)), replace=False)
        domain.iloc[sharer] = domain.iloc[(sharer + 1) % n].to_numpy()
        other = np.array(self.chances(n, "currency"))
        currency = np.where(
            other < OTHER_CURRENCY_SHARE / 2, "USD", np.where(other < OTHER_CURRENCY_SHARE, "JPY", "EUR")
        )
        return accounts.assign(
            domain=domain,
            domain_is_shared=domain.duplicated(keep=False),
            currency=currency,
            hubspot_id=(8_100_000_000 + number * 37).astype(str),
            salesforce_id=[salesforce_id(each) for each in number],
        )

    @cached_property
    def monitor_id(self) -> str:
        """Return the account id under which the uptime monitor visits."""
        accounts = self.tables["accounts"]
        return str(accounts.loc[accounts["segment"].isna(), "account_id"].iloc[0])

    @cached_property
    def account_ids(self) -> frozenset[str]:
        """Return the ids of the customers."""
        return frozenset(self.accounts["account_id"])

    @cached_property
    def domain_of(self) -> dict[str, str]:
        """Return the web domain of each account."""
        return dict(zip(self.accounts["account_id"], self.accounts["domain"], strict=True))

    @cached_property
    def currency_of(self) -> dict[str, str]:
        """Return the currency in which each account pays."""
        return dict(zip(self.accounts["account_id"], self.accounts["currency"], strict=True))

    @cached_property
    def users(self) -> pd.DataFrame:
        """Return the users table with an `email` per user: at the account's domain, 4 % at a free-mail provider."""
        users = self.tables["users"].reset_index(drop=True)
        draw, n = self.draw("users"), len(users)
        first, last = draw.integers(0, len(FIRST_NAMES), n), draw.integers(0, len(LAST_NAMES), n)
        free = np.where(draw.random(n) < FREE_MAIL_SHARE, draw.integers(0, len(FREE_MAIL), n), -1)
        domains = users["account_id"].map(self.domain_of)
        local = (f"{FIRST_NAMES[f]}.{LAST_NAMES[s]}" for f, s in zip(first, last, strict=True))
        numbers = users["user_id"].str.removeprefix("U-").str.replace("-", "")
        email = [
            f"{name}{number.lstrip('0')}@{FREE_MAIL[each]}" if each >= 0 else f"{name}{number[-3:]}@{domain}"
            for name, number, domain, each in zip(local, numbers, domains, free, strict=True)
        ]
        return users.assign(email=email, is_free_mail=free >= 0)

    @cached_property
    def email_of(self) -> dict[str, str]:
        """Return the e-mail address of each user."""
        return dict(zip(self.users["user_id"], self.users["email"], strict=True))

    @cached_property
    def agents(self) -> pd.DataFrame:
        """Return the company's own support agents: `agent_id` (as in the help desk), `name`, `email`, `role`."""
        names = ("Petra Holm", "Quentin Roy", "Rosa Blum", "Sven Aalto", "Tilda Marsh")
        return pd.DataFrame(
            {
                "agent_id": [900_001 + number for number in range(len(names))],
                "name": names,
                "email": [f"{name.split()[0].lower()}@rivertide.com" for name in names],
                "role": ["admin", *["agent"] * (len(names) - 1)],
            }
        )

    @cached_property
    def valid_events(self) -> pd.DataFrame:
        """Return the events that loading keeps: of customers, each id once, none from 1970 or of negative duration.

        `duration_ms` holds `load_ms` where an app sent that instead.
        """
        events = self.tables["events"]
        is_valid = events["account_id"].isin(self.account_ids) & (events["occurred_at"] >= self.first_day)
        is_valid &= ~(events["duration_ms"] < 0)
        events = events[is_valid].drop_duplicates("event_id")
        duration = events["duration_ms"].fillna(events["load_ms"])
        return events.assign(duration_ms=duration).drop(columns="load_ms").reset_index(drop=True)


def simulate_company(folder: Path, *, accounts: int = 60, months: int = 18, seed: int = 7) -> Company:
    """Simulate a company of the world "tiny", write its canonical tables into `folder`, and return it.

    The uptime monitor, whose events belong to no customer, visits a small company less often: loading refuses a table
    of which more than one row in twenty belongs to an unknown account.
    """
    world = choose_world("tiny", accounts, months)
    world = replace(world, bot_minutes=world.bot_minutes * max(1.0, USUAL_ACCOUNTS / accounts))
    simulate(world, folder, seed=seed)
    first_day = pd.Timestamp(world.start)
    tables = {path.stem: pd.read_parquet(path) for path in sorted(folder.glob("*.parquet"))}
    return Company(folder, seed, first_day, first_day + pd.Timedelta(days=world.days), tables)


def salesforce_id(number: int) -> str:
    """Return the 18-character Salesforce id of a record number: 15 characters and three that tell their case."""
    digits = "".join(_BASE_62[number * 48_271 // 62**place % 62] for place in range(5, -1, -1))
    short = f"001xx0000{digits}"
    return short + "".join(_case_letter(short[start : start + 5]) for start in (0, 5, 10))


def in_minor_units(euros: object, currency: str, months: int = 1) -> Decimal:
    """Return an amount in EUR as minor units of a currency at the fixed rate, times months; it may have decimals.

    A whole number of minor units comes back to the cent: they are finer than half a cent.

    >>> in_minor_units(100, "JPY"), in_minor_units(100, "EUR", 12)
    (Decimal('16000'), Decimal('120000'))
    """
    return Decimal(str(euros)) * months * PER_EURO[currency] * 10 ** DECIMALS[currency]


def whole_minor_units(euros: object, currency: str) -> int:
    """Return an amount in EUR as a whole number of minor units of a currency."""
    return round(in_minor_units(euros, currency))


def unix(time: pd.Timestamp) -> int:
    """Return a time as whole seconds since 1970, cut off."""
    return int(time.timestamp() // 1)


_BASE_62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def _case_letter(part: str) -> str:
    return "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"[sum(each.isupper() << place for place, each in enumerate(part))]


def _slug(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower())
