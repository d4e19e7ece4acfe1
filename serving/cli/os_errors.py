"""Errors of the operating system as one sentence: which path, why, and what to do.

Covers a read-only file system, missing permission, a full disk, a file where a folder is expected (or the reverse) and
too many open files. DuckDB and pyarrow report these in words of their own, which are recognised by their text.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path

from undertow.features.errors import UndertowError

OTHER_STORE = "or set `store` in undertow.toml to a folder on another disk"
SENTENCES = {
    errno.EROFS: "{path} cannot be written: its file system is read-only. Work on a copy of the project, "
    f"{OTHER_STORE}.",
    errno.ENOSPC: "{path} cannot be written: no space is left on its disk. Nothing half-written is used. Free space "
    f"and run the command again, {OTHER_STORE}.",
    errno.EMFILE: "{path} cannot be opened: too many files are open. Raise the limit, for example with "
    "`ulimit -n 4096`, and run the command again.",
    errno.EACCES: "{path} cannot be opened: permission is missing. Ask its owner for access, or work on a copy of "
    "your own.",
    errno.ENOTDIR: "{path} is a file, and a folder is expected there. Move the file away, or name another folder.",
    errno.EISDIR: "{path} is a folder, and a file is expected there. Move the folder away, or name another file.",
    errno.ENOENT: "{path} does not exist. Check the path, and that nothing removes files while the command runs.",
    errno.ENAMETOOLONG: "{path} cannot be opened: the name is too long. Name a shorter one.",
}
SAME_AS = {
    errno.EPERM: errno.EACCES,
    errno.EDQUOT: errno.ENOSPC,
    errno.EEXIST: errno.ENOTDIR,  # mkdir of a folder where a file lies
    errno.ENFILE: errno.EMFILE,
}
OF_THE_DISK = (errno.EROFS, errno.ENOSPC, errno.EMFILE)  # said even where an Undertow error was raised from them
LIBRARIES = ("duckdb", "_duckdb", "pyarrow")


def explain(error: BaseException, folder: Path) -> str | None:
    """Return an error of the operating system, or the one that caused `error`, as one sentence; None for any other.

    `folder`: the one that is written, named where the error names no path.
    """
    for each in _causes(error):
        number = _number(each)
        if number is None or number == errno.EPIPE:  # the reader of a pipe has gone: nothing to report
            continue
        kind = SAME_AS.get(number, number)
        if isinstance(error, UndertowError) and kind not in OF_THE_DISK:
            continue
        sentence = SENTENCES.get(kind, f"{{path}}: {os.strerror(number)}. Correct that and run the command again.")
        return sentence.format(path=_path(each, folder, kind))
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _number(error: BaseException) -> int | None:
    """Return the errno of an error, read from the text where it comes from a library that sets none."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    if type(error).__module__.split(".")[0] not in LIBRARIES and type(error) is not OSError:
        return None
    text = str(error)
    return next((number for number in (*SENTENCES, *SAME_AS) if os.strerror(number) in text), None)


def _path(error: BaseException, folder: Path, number: int) -> Path:
    """Return the path that an error names, else `folder`; for a file where a folder is expected, that file."""
    named = error.filename if isinstance(error, OSError) else None
    quoted = re.search(r"""["'](/[^"'\\]+)""", str(error))
    path = Path(os.fsdecode(named)) if isinstance(named, str | bytes) else Path(quoted[1]) if quoted else folder
    if number == errno.ENOTDIR:
        return next((each for each in (path, *path.parents) if each.is_file()), path)
    return path
