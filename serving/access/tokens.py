"""Bearer tokens: `undertow_<id of the key>_<secret>`, and the Argon2 hash of the secret, which alone is stored.

A secret has 256 random bits, which nobody can guess: the hash is of the cheaper of the settings that OWASP
recommends (Argon2id, 19 MiB, 2 passes; Password Storage Cheat Sheet), about 20 ms.
"""

from __future__ import annotations

import re
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

PREFIX = "undertow"
SECRET_BYTES = 32
ID_BYTES = 6
TOKEN = re.compile(rf"{PREFIX}_([0-9a-f]{{{2 * ID_BYTES}}})_([A-Za-z0-9_-]{{43}})")
HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)  # KiB


def new_id() -> str:
    """Return a random id of a key: 12 hexadecimal digits."""
    return secrets.token_hex(ID_BYTES)


def new_secret() -> str:
    """Return a random secret: 43 characters that are safe in a URL."""
    return secrets.token_urlsafe(SECRET_BYTES)


def as_token(key_id: str, secret: str) -> str:
    """Return the token of a key."""
    return f"{PREFIX}_{key_id}_{secret}"


def read_token(token: str) -> tuple[str, str] | None:
    """Return the id of the key and the secret of a token, or None where a text has another form."""
    read = TOKEN.fullmatch(token)
    return (read[1], read[2]) if read else None


def hash_secret(secret: str) -> str:
    """Return the Argon2id hash of a secret, with its salt and settings."""
    return HASHER.hash(secret)


def is_secret(hashed: str, secret: str) -> bool:
    """Return whether a secret has this hash; compared in constant time, about 20 ms and 19 MiB."""
    try:
        return HASHER.verify(hashed, secret)
    except (VerificationError, InvalidHashError):
        return False
