"""The files of the history: what they keep, for how long, and that a damaged one is named and left alone."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.serving.lists_by_hand import BEFORE, DECEMBER, JANUARY, publish_compared, publish_two
from tests.serving.published_by_hand import PEOPLE
from undertow.features.errors import Unreadable
from undertow.serving.published.history import files
from undertow.serving.published.history.files import newest_of_each_day, publications, read_whole, row_of
from undertow.serving.published.run_files import SCORES, read_table
from undertow.training.bundle.bundle import Bundle


def test_a_publication_is_kept_as_it_was_sorted_by_account(tmp_path: Path, bundle: Bundle) -> None:
    publish_two(tmp_path, bundle)
    december, january = publications(tmp_path / "history")
    kept, told = read_whole(january)
    published = read_table(tmp_path / "scores" / january.run_id, SCORES).sort_by("account_id")
    assert kept["account_id"].to_pylist() == sorted(row[0] for row in PEOPLE)
    for name in ("name", "owner", "segment", "cause", "announced"):
        assert kept[name].to_pylist() == published[name].to_pylist()
    assert kept["probability"].to_pylist() == published["p_90"].to_pylist()
    assert kept["value_at_risk"].to_pylist() == pytest.approx(published["value_at_risk"].to_pylist(), rel=1e-6)
    horizons = told["horizons"]
    wanted = [published[f"p_{cause}_{days}"].to_pylist() for cause in files.CAUSES for days in horizons]
    found = kept["by_cause"].to_pylist()
    for row, chances in enumerate(zip(*wanted, strict=True)):
        assert found[row] == pytest.approx(chances, abs=1e-7)
    assert (told["run_id"], told["as_of"], told["headline"]) == (january.run_id, "2025-01-31", 90)
    assert december.as_of < january.as_of


def test_one_account_is_found_by_its_row_group(tmp_path: Path, bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "ROWS", 2)
    publish_compared(tmp_path, bundle, JANUARY, PEOPLE)
    [publication] = publications(tmp_path / "history")
    assert pq.read_metadata(publication.path).num_row_groups == 3
    for person in PEOPLE:
        found = row_of(publication, person[0])
        assert found is not None and found[0]["account_id"] == person[0]
    for absent in ("", "A-00008", "zzz", "日本-2"):
        assert row_of(publication, absent) is None


def test_what_lies_further_back_than_the_days_is_removed_and_nothing_younger(tmp_path: Path, bundle: Bundle) -> None:
    start = datetime(2024, 1, 1)
    for day in (0, 30, 31, 60):
        publish_compared(tmp_path, bundle, start + timedelta(days=day), PEOPLE, days=30)
    left = [each.as_of.isoformat() for each in publications(tmp_path / "history")]
    assert left == ["2024-01-31", "2024-02-01", "2024-03-01"]
    publish_compared(tmp_path, bundle, start + timedelta(days=31), PEOPLE, "again", days=30)
    assert len(publications(tmp_path / "history")) == 4  # an older list removes nothing


def test_of_a_day_that_was_published_twice_the_newest_is_shown_and_both_are_kept(
    tmp_path: Path, bundle: Bundle
) -> None:
    for run in ("a", "b"):
        publish_compared(tmp_path, bundle, DECEMBER, BEFORE, run)
    found = publications(tmp_path / "history")
    assert [each.run_id[-1] for each in found] == ["a", "b"]
    assert [each.run_id[-1] for each in newest_of_each_day(found)] == ["b"]


@pytest.mark.parametrize("damage", [b"", b"PAR1", b"no parquet at all, but long enough to be read as one" * 9])
def test_a_damaged_file_is_refused_by_its_name(tmp_path: Path, bundle: Bundle, damage: bytes) -> None:
    publish_compared(tmp_path, bundle, DECEMBER, BEFORE)
    [publication] = publications(tmp_path / "history")
    publication.path.write_bytes(damage)
    for read in (lambda: row_of(publication, "gone"), lambda: read_whole(publication)):
        with pytest.raises(Unreadable, match=r"history/2024-12-31--2024-12-31-run\.parquet cannot be read"):
            read()


def test_a_flipped_byte_is_noticed(tmp_path: Path, bundle: Bundle) -> None:
    publish_compared(tmp_path, bundle, DECEMBER, BEFORE)
    [publication] = publications(tmp_path / "history")
    content = bytearray(publication.path.read_bytes())
    content[60] ^= 0xFF
    publication.path.write_bytes(content)
    with pytest.raises(Unreadable):
        read_whole(publication)


def test_other_files_in_the_folder_are_no_publications(tmp_path: Path) -> None:
    for name in ("note.txt", "2024-13-01--x.parquet", ".writing-2024-12-31--x.parquet", "x.parquet"):
        (tmp_path / name).write_text("")
    assert publications(tmp_path) == publications(tmp_path / "nowhere") == []
