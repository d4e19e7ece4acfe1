"""The key file, STORE/access/keys.json: keys are added, read and revoked there; of tokens it holds hashes alone.

It also holds the secret that signs cookies, made with the first key: serving writes nothing into the store. The
folder is closed to others (0700), as the file is (0600). A reader sees the file before or after a change.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import msgspec

from undertow.features.errors import AccessError, did_you_mean
from undertow.features.publishing.unfinished import locked
from undertow.features.publishing.versions import replace_text
from undertow.serving.access.roles import Role
from undertow.serving.access.tokens import as_token, hash_secret, new_id, new_secret

FOLDER, FILE, LOCK = "access", "keys.json", ".keys.lock"
MOST_KEYS = 4_096  # in one store, revoked ones included: each has its place in the file of rate limits
PER_MINUTE = 600  # requests of one key, if nothing else is said
NAME = re.compile(r"[\w.@+-][\w .@+-]{0,62}[\w.@+-]|[\w.@+-]")
FORMAT = 1


class Key(msgspec.Struct, frozen=True):
    """A key of the service. Times are UTC; `expires`: the moment from which it no longer counts, None: never.

    `hash`: of its secret. `owner`: whose accounts alone it shows. `slot`: its place in the file, from 0.
    `per_minute`: requests that it may make a minute.
    """

    id: str
    name: str
    role: Role
    hash: str
    slot: int
    created: datetime
    owner: str | None = None
    expires: datetime | None = None
    revoked: datetime | None = None
    per_minute: int = PER_MINUTE

    def state(self, now: datetime) -> str:
        """Return "living", "expired" or "revoked"; `now`: with its time zone."""
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and now >= self.expires else "living"


class KeyRing(msgspec.Struct, frozen=True):
    """The content of the key file. `signing`: the secret that signs cookies and forms."""

    format: int
    signing: str
    keys: tuple[Key, ...] = ()


def key_file(store: Path) -> Path:
    """Return where the keys of a store lie."""
    return store / FOLDER / FILE


def read_keys(store: Path) -> KeyRing | None:
    """Return the keys of a store, or None where none was ever added. Raises AccessError where they cannot be read."""
    try:
        ring = msgspec.json.decode(key_file(store).read_bytes(), type=KeyRing)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise AccessError(
            f"The keys of the service cannot be read ({type(error).__name__}). Expected: {FOLDER}/{FILE} of the "
            "store, as `undertow keys add` writes it, readable for the user of the service."
        ) from error
    if ring.format != FORMAT or len(ring.signing) < 43 or [key.slot for key in ring.keys] != [*range(len(ring.keys))]:
        raise AccessError(f"The keys of the service are of another release, or {FOLDER}/{FILE} was changed by hand.")
    return ring


def add_key(
    store: Path,
    name: str,
    role: Role,
    now: datetime,
    owner: str | None = None,
    expires: datetime | None = None,
    per_minute: int = PER_MINUTE,
) -> tuple[Key, str]:
    """Add a key and return it with its token, which is stored nowhere. `now`, `expires`: with their time zone.

    Raises AccessError for a name that a living key has, or that is none.
    """
    if not NAME.fullmatch(name):
        raise AccessError(f"'{name[:80]}' is no name of a key. Expected: 1 to 64 letters, digits, blanks or . _ @ + -")
    if expires is not None and expires <= now:
        raise AccessError(f"The key would have expired on {expires:%Y-%m-%d}. Give a later day with --expires.")
    with _changing(store) as ring:
        if any(key.name == name and key.state(now) == "living" for key in ring.keys):
            raise AccessError(f"A living key is named '{name}'. Choose another name, or revoke it first.")
        if len(ring.keys) >= MOST_KEYS:
            raise AccessError(f"The store holds {MOST_KEYS:,} keys, the most there may be, revoked ones included.")
        secret = new_secret()
        key = Key(
            id=new_id(),
            name=name,
            role=role,
            hash=hash_secret(secret),
            slot=len(ring.keys),
            created=now,
            owner=owner,
            expires=expires,
            per_minute=per_minute,
        )
        _write(store, msgspec.structs.replace(ring, keys=(*ring.keys, key)))
    return key, as_token(key.id, secret)


def revoke_key(store: Path, wanted: str, now: datetime) -> Key:
    """Revoke a key by its name or id and return it. Raises AccessError where no living key has that name or id."""
    with _changing(store) as ring:
        living = [key for key in ring.keys if key.state(now) == "living"]
        found = next((key for key in living if wanted in (key.id, key.name)), None)
        if found is None:
            raise AccessError(_no_such_key(wanted, ring, now))
        revoked = msgspec.structs.replace(found, revoked=now)
        keys = tuple(revoked if key.id == found.id else key for key in ring.keys)
        _write(store, msgspec.structs.replace(ring, keys=keys))
    return revoked


def has_living_key(store: Path, now: datetime) -> bool:
    """Return whether a store has a key that counts. Raises AccessError where the keys cannot be read."""
    ring = read_keys(store)
    return ring is not None and any(key.state(now) == "living" for key in ring.keys)


def _no_such_key(wanted: str, ring: KeyRing, now: datetime) -> str:
    dead = next((key for key in reversed(ring.keys) if wanted in (key.id, key.name)), None)
    if dead is not None:
        return f"The key '{dead.name}' is {dead.state(now)} already."
    names = [key.name for key in ring.keys if key.state(now) == "living"]
    near = did_you_mean(wanted, names)
    return f"No key has the name or id '{wanted[:80]}'.{near} `undertow keys list` shows all."


@contextmanager
def _changing(store: Path) -> Iterator[KeyRing]:
    """Give the keys of a store, and hold a lock on them until they are changed."""
    folder = key_file(store).parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    with locked(folder / LOCK):
        yield read_keys(store) or KeyRing(FORMAT, secrets.token_urlsafe(32))


def _write(store: Path, ring: KeyRing) -> None:
    replace_text(key_file(store), msgspec.json.format(msgspec.json.encode(ring), indent=1).decode(), mode=0o600)
