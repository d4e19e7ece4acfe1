"""The address of the team's database: a SQLite file, or PostgreSQL by an environment variable."""

from __future__ import annotations

from collections.abc import Mapping

from undertow.features.errors import SettingsError
from undertow.features.settings import Settings

VARIABLE = "UNDERTOW_TEAM"  # where a started service finds the address
POSTGRES = ("postgresql://", "postgres://")
NONE_CONFIGURED = "No [team] database is configured, so statuses are read-only."
WHAT_TO_DO = 'To set them, write [team] with database = "team.db" into undertow.toml, and start the service again.'


def is_postgres(address: str) -> bool:
    """Return whether an address is PostgreSQL's; any other is the path of a SQLite file."""
    return address.startswith(POSTGRES)


def address_of(settings: Settings, environment: Mapping[str, str]) -> str:
    """Return the address that [team] names: the path of a SQLite file or PostgreSQL's; "" where it names none.

    Raises SettingsError where the environment variable does not hold an address.
    """
    team = settings.team
    if team.database:
        return str((settings.folder / team.database).resolve())
    if not team.uri_env:
        return ""
    address = environment.get(team.uri_env, "").strip()
    if not is_postgres(address):
        raise SettingsError(
            f"[team]: the environment variable {team.uri_env} must hold an address such as "
            "postgresql://user:password@host/database."
        )
    return address
