"""How values are written: one form each, exact."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrader.store import rows, tables


@given(st.datetimes(min_value=datetime(1970, 1, 2), timezones=st.timezones(), allow_imaginary=False))  # noqa: DTZ001 (Hypothesis adds it)
def test_an_instant_reads_back_as_the_same_instant(at: datetime) -> None:
    assert rows.instant(rows.stamp(at)) == at.astimezone(UTC)


@given(st.lists(st.datetimes(min_value=datetime(1970, 1, 2), timezones=st.just(UTC))))  # noqa: DTZ001 (as above)
def test_instants_sort_as_text(instants: list[datetime]) -> None:
    assert [rows.stamp(at) for at in sorted(instants)] == sorted(rows.stamp(at) for at in instants)


def test_an_instant_is_written_in_utc() -> None:
    india = timezone(timedelta(hours=5, minutes=30))
    assert rows.stamp(datetime(2026, 2, 2, 13, 0, tzinfo=india)) == "2026-02-02T07:30:00.000000Z"


def test_a_naive_instant_is_refused() -> None:
    """What `datetime.now()` without a zone gives: which instant it means depends on the machine."""
    with pytest.raises(ValueError, match="no time zone"):
        rows.stamp(datetime(2026, 2, 2))  # noqa: DTZ001 (that is the point)


def test_canonical_json_has_one_spelling() -> None:
    """What is hashed must not depend on spaces, escapes, or numbers that JSON does not have."""
    assert rows.canonical({"b": "₹", "a": 1}) == '{"b":"₹","a":1}'
    with pytest.raises(ValueError, match="not JSON compliant"):
        rows.canonical(float("nan"))


def test_every_row_that_the_log_made_leads_to_it() -> None:
    for table in (tables.orders, tables.fills, tables.decisions):
        assert [key.target_fullname for key in table.c.seq.foreign_keys] == ["audit.seq"]
