"""Pinned requirements of the service: the lines of requirements.lock to which the project's dependencies lead.

    python -m undertow.serving.deploy.pinned requirements.lock > pinned.txt

The lock file also holds what tests and Spark need. The dependencies are read from the packages that are installed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def reached_from(package: str) -> set[str]:
    """Return the canonical names of the packages that a package needs, directly or through others, itself left out."""
    found: set[tuple[str, str]] = set()  # name, extra
    waiting = [(canonicalize_name(package), "")]
    while waiting:
        name, extra = waiting.pop()
        for needed in _needed(name, extra):
            each = [(canonicalize_name(needed.name), part) for part in ("", *needed.extras)]
            waiting += [new for new in each if new not in found]
            found |= set(each)
    return {name for name, _ in found} - {canonicalize_name(package)}


def _needed(name: str, extra: str) -> Iterable[Requirement]:
    try:
        listed = [Requirement(text) for text in requires(name) or ()]
    except PackageNotFoundError:  # needed on another system alone
        return []
    return [each for each in listed if each.marker is None or each.marker.evaluate({"extra": extra})]


def pinned(lock: str, package: str) -> list[str]:
    """Return the lines of a lock file, `name==version`, that belong to what a package needs."""
    needed = reached_from(package)
    return [line for line in lock.splitlines() if canonicalize_name(line.partition("==")[0].strip()) in needed]


def main() -> None:
    """Print the pinned requirements of the service."""
    print("\n".join(pinned(Path(sys.argv[1]).read_text(encoding="utf-8"), "undertow")))


if __name__ == "__main__":
    main()
