"""SQL of single values: columns as JSON has them, and values of settings where nothing can be bound.

Functions that take names of columns leave out those that the table does not have.
"""

from collections.abc import Iterable

from trace_clustering.clickhouse.columns import TableColumns


def write_literal(text: str) -> str:
    """Return a text as SQL in which none of its characters means anything, for filters of the engine."""
    return f"unhex('{text.encode(errors='replace').hex()}')"


def write_texts(columns: TableColumns, names: Iterable[str]) -> dict[str, str]:
    """Return columns as texts, by their names."""
    return {name: columns.write_text(name) for name in names if columns.has(name)}


def write_times(columns: TableColumns, names: Iterable[str]) -> dict[str, str]:
    """Return columns of times as ISO 8601 in UTC, empty where they are null, by their names."""
    return {name: write_time(columns.write_moment(name, 6)) for name in names if columns.has(name)}


def write_moments(columns: TableColumns, names: Iterable[str]) -> str:
    """Return columns of times as one array."""
    return f"[{', '.join(columns.write_moment(name, 6) for name in names if columns.has(name))}]"


def write_time(moment: str) -> str:
    """Return a DateTime64 in UTC as ISO 8601, empty for 1970, which stands for none."""
    return f"if(toUnixTimestamp({moment}) = 0, '', concat(replaceOne(toString({moment}), ' ', 'T'), 'Z'))"


def write_nanoseconds(moment: str) -> str:
    """Return a DateTime64 as nanoseconds since 1970."""
    return f"toUnixTimestamp64Nano(toDateTime64({moment}, 9, 'UTC'))"


def are_maps(columns: TableColumns, name: str) -> bool:
    """Return whether attributes are maps, and not of the type JSON."""
    # Nested columns are several columns, or one if the server was told so.
    return "JSON" not in columns.types.get(name, columns.types.get(name.partition(".")[0], ""))


def write_attributes(columns: TableColumns, name: str) -> str:
    """Return attributes as a map of texts, or as JSON text."""
    if are_maps(columns, name):
        return f"mapApply((key, value) -> (toValidUTF8(key), toValidUTF8(value)), {name})"
    return f"toValidUTF8(toJSONString({name}))"


def name_values(values: dict[str, str]) -> str:
    """Return what stands between SELECT and FROM for these expressions by their names."""
    return ", ".join(value if value == name else f"{value} AS {name}" for name, value in values.items())
