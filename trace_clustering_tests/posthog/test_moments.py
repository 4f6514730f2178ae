"""Dates of filters: ISO 8601, or counted back from the end of the window."""

from datetime import UTC, datetime

import pytest

from trace_clustering.posthog.moments import parse_moment

END = datetime(2025, 3, 31, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-01-22", datetime(2025, 1, 22, tzinfo=UTC)),
        ("2025-01-22T08:30", datetime(2025, 1, 22, 8, 30, tzinfo=UTC)),
        ("2025-01-22 08:30:15", datetime(2025, 1, 22, 8, 30, 15, tzinfo=UTC)),
        ("2025-01-22T08:30:15.123456789Z", datetime(2025, 1, 22, 8, 30, 15, 123456, tzinfo=UTC)),
        ("2025-01-22T08:30:15+02:00", datetime(2025, 1, 22, 6, 30, 15, tzinfo=UTC)),
        ("2025-01-22T20:00-0730", datetime(2025, 1, 23, 3, 30, tzinfo=UTC)),
        ("2024-02-29", datetime(2024, 2, 29, tzinfo=UTC)),
        ("-24h", datetime(2025, 3, 30, tzinfo=UTC)),
        ("-7d", datetime(2025, 3, 24, tzinfo=UTC)),
        ("-2w", datetime(2025, 3, 17, tzinfo=UTC)),
        ("-1m", datetime(2025, 2, 28, tzinfo=UTC)),  # February has no 31st
        ("-3m", datetime(2024, 12, 31, tzinfo=UTC)),
        ("-1q", datetime(2024, 12, 31, tzinfo=UTC)),
        ("-13m", datetime(2024, 2, 29, tzinfo=UTC)),
        ("-1y", datetime(2024, 3, 31, tzinfo=UTC)),
        ("-0d", END),
    ],
)
def test_a_moment_is_read(text: str, expected: datetime) -> None:
    assert parse_moment(text, END) == expected


@pytest.mark.parametrize(
    "text",
    [
        *["", "now", "yesterday", "7d", "+7d", "-7", "-d", "-7D", "-1mStart", "-7d ", "-1.5d", "-10000d"],
        *["2025", "2025-1-2", "20250122", "2025-02-30", "2025-13-01", "2025-01-22\n", " 2025-01-22"],
        *["2025-01-22T24:00", "2025-01-22T25:00:00", "2025-01-22T08", "2025-01-22T08:30:60Z"],
        *["2025-01-22Z", "2025-01-22T08:30:15+25:00", "2025-W03-1", "٢٠٢٥-01-22"],
        *["0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "0000-01-01", "-2025y", "-9999y"],
    ],
)
def test_anything_else_is_refused_with_the_forms_there_are(text: str) -> None:
    with pytest.raises(ValueError, match=r"ISO 8601.*or a span before the end of the window: -24h, -7d"):
        parse_moment(text, END)
