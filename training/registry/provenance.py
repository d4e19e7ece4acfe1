"""What a model was computed with: version and hash of the code, hash of the lock file, versions of the libraries."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]  # the folders may be imported through links
FLOORS = ("features", "training")
LOCK = "requirements.lock"
NO_LOCK = f"none: installed without {LOCK}"
LIBRARIES = ("duckdb", "lightgbm", "numpy", "pandas", "pyarrow", "scipy")  # whose results a model depends on


def provenance(root: Path = ROOT) -> dict[str, str]:
    """Return the tags that name the code and the libraries of a run; `root`: the folder of features/ and training/."""
    return {
        "code_version": version("undertow"),
        "code_hash": code_hash(root),
        "lock_hash": lock_hash(root),
        "libraries": " ".join(f"{name}=={version(name)}" for name in LIBRARIES),
    }


def code_hash(root: Path = ROOT, floors: Sequence[str] = FLOORS) -> str:
    """Return a hash, 16 hex digits, of the names and contents of the files of code, sorted by name."""
    files = [path for floor in floors for path in (root / floor).rglob("*") if path.is_file()]
    digest = hashlib.sha256()
    for path in sorted(path for path in files if "__pycache__" not in path.parts):
        name = path.relative_to(root).as_posix()
        digest.update(f"{name}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def lock_hash(root: Path = ROOT) -> str:
    """Return the SHA-256 of requirements.lock, or that there is none: a wheel is installed without it."""
    lock = root / LOCK
    return hashlib.sha256(lock.read_bytes()).hexdigest() if lock.is_file() else NO_LOCK
