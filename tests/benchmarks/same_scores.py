"""Compare what two projects have published, byte for byte: `python -m tests.benchmarks.same_scores ONE OTHER`.

Two releases that should give the same scores are compared so: run the demo with each, then this. The version of the
model holds the id of its training run, which is drawn anew each time, so it is made equal before comparing; nothing
else is. Exits with 1 where anything differs.
"""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from undertow.features.publishing.versions import current

PER_RUN = {"version", "model_version", "run_id", "published_at"}  # drawn or read from the clock in each run


def differing(one: Path, other: Path) -> list[str]:
    """Return the names of the published files that differ between two project folders, with columns or keys."""
    here, there = (current(project / "store" / "scores") for project in (one, other))
    if here is None or there is None:
        raise SystemExit("Nothing is published in one of the two: run `undertow score` in both.")
    names = sorted({path.relative_to(folder) for folder in (here, there) for path in folder.rglob("*.*")})
    return [f"{name}" for name in names if _content(here / name) != _content(there / name)]


def _content(path: Path) -> bytes | None:
    """Return a file's bytes without what is drawn per run; None where the file is absent."""
    if not path.exists():
        return None
    if path.suffix == ".parquet":
        return _parquet(pq.read_table(path))
    if path.suffix == ".json":
        kept = {key: value for key, value in json.loads(path.read_text("utf-8")).items() if key not in PER_RUN}
        return json.dumps(kept).encode()
    return path.read_bytes()


def _parquet(table: pa.Table) -> bytes:
    if "model_version" in table.column_names:
        position = table.column_names.index("model_version")
        table = table.set_column(position, "model_version", pa.array(["one"] * table.num_rows))
    written = io.BytesIO()
    pq.write_table(table, written)
    return written.getvalue()


if __name__ == "__main__":
    different = differing(Path(sys.argv[1]), Path(sys.argv[2]))
    print("\n".join(f"{name} differs" for name in different) or "Byte for byte the same.")
    sys.exit(1 if different else 0)
