"""SQL of single values: columns as JSON has them, and values of settings where nothing can be bound."""

from collections.abc import Iterable

from trace_clustering.clickhouse.columns import TableColumns


def write_literal(text: str) -> str:
    """Return a text as SQL in which none of its characters means anything, for filters of the engine."""
    return f"unhex('{text.encode(errors='replace').hex()}')"


def write_texts(columns: TableColumns, names: Iterable[str]) -> list[str]:
    """Return those columns that the table has as texts, each under its own name."""
    return [f"{columns.write_text(name)} AS {name}" for name in names if columns.has(name)]


def write_times(columns: TableColumns, names: Iterable[str]) -> list[str]:
    """Return those columns of times that the table has as ISO 8601 in UTC, empty where they are null."""
    return [f"{_write_time(columns.write_moment(name, 6))} AS {name}" for name in names if columns.has(name)]


def write_moments(columns: TableColumns, names: Iterable[str]) -> str:
    """Return those columns of times that the table has as one array."""
    return f"[{', '.join(columns.write_moment(name, 6) for name in names if columns.has(name))}]"


def write_list(columns: TableColumns, names: Iterable[str]) -> str:
    """Return the names of those columns that the table has."""
    return ", ".join(name for name in names if columns.has(name))


def _write_time(moment: str) -> str:
    text = f"concat(replaceOne(toString({moment}), ' ', 'T'), 'Z')"
    return f"if(toUnixTimestamp({moment}) = 0, '', {text})"
