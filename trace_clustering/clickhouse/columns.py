"""Reads the types of the two tables' columns, and writes the SQL that casts them to what queries need.

Tables of other programs hold ids as UUID or integer, times as DateTime, properties as JSON, and any of them
as Nullable.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from trace_clustering.errors import ClickHouseSetupError
from trace_clustering.text import escape_controls

_WRAPPER: Final = re.compile(r"^(?:LowCardinality|Nullable|SimpleAggregateFunction)\((?:\w+, )?(.*)\)$")
_DIGITS: Final = re.compile(r"^DateTime64\((\d+)")
_VECTOR: Final = re.compile(r"^Array\((?P<null>Nullable\()?(?:B?Float|U?Int|Decimal)")
_INTEGER: Final = re.compile(r"^U?Int\d+$")
_NUMBERS: Final = re.compile(r"^(?:U?Int\d+|Bool|Enum\d*\(.*)$")


@dataclass(frozen=True)
class TableColumns:
    """The columns of one table.

    Attributes
    ----------
    table : str
        Name of the table, for messages.
    types : mapping
        ClickHouse type of each column by its name.
    setting : str
        What names the table, for messages.
    """

    table: str
    types: Mapping[str, str]
    setting: str = "events_table, embeddings_table and so on of the clickhouse resource"

    def has(self, name: str) -> bool:
        """Return whether the table has a column."""
        return name in self.types

    def has_json(self) -> bool:
        """Return whether a column is of type JSON, which may hold times and writes them in a time zone."""
        return any(kind.startswith("JSON") for kind in self.types.values())

    def write_text(self, name: str) -> str:
        """Return a column as text that is UTF-8 and not null."""
        kind = self._unwrap(name, "a String")
        value = name if kind == "String" or kind.startswith("FixedString") else f"toString({name})"
        if kind.startswith(("Array", "Map", "Tuple", "AggregateFunction")):
            raise self._explain(name, "a String")
        if kind.startswith("FixedString"):
            value = f"trimRight({name}, '\\0')"
        if kind == "UUID" or _NUMBERS.match(kind):  # always UTF-8
            return self._fill_null(name, value, "''")
        return f"toValidUTF8({self._fill_null(name, value, repr(''))})"

    def write_bytes(self, name: str) -> str:
        """Return a column as its own bytes, of which none is repaired; other types as text."""
        if not self.holds_plain_text(name):
            return self.write_text(name)
        return self._fill_null(name, name, "''")

    def write_comparable(self, name: str) -> str:
        """Return a column as text for conditions; where it holds text, as it is, so that its index serves."""
        return name if self.holds_plain_text(name) else self.write_text(name)

    def write_json(self, name: str) -> str:
        """Return a column that holds an object as JSON text."""
        if self._unwrap(name, "a String with JSON").startswith(("Map(", "Tuple(")):
            return f"toValidUTF8(toJSONString({name}))"
        return self.write_text(name)

    def write_vector(self, name: str) -> str:
        """Return a column of vectors as an array of numbers; a number that is null is NaN."""
        kind = self._unwrap(name, "an Array(Float32) or Array(Float64)")
        numbers = _VECTOR.match(kind)
        if not numbers:
            raise self._explain(name, "an Array(Float32) or Array(Float64)")
        return f"arrayMap(number -> ifNull(number, nan), {name})" if numbers["null"] else name

    def require_integer(self, name: str) -> None:
        """Check that a column holds integers."""
        if not _INTEGER.match(self._unwrap(name, "an Int64")):
            raise self._explain(name, "an Int64")

    def write_ordered_moment(self, name: str, digits: int) -> str:
        """Return a column to compare with moments: as it is if it can be, so that its index serves."""
        kind = self._unwrap(name, f"a DateTime64({digits}, 'UTC')")
        return name if kind.startswith("DateTime") else self.write_moment(name, digits)

    def write_moment(self, name: str, digits: int) -> str:
        """Return a column as a DateTime64 in UTC; what is null or cannot be read is 1970."""
        kind = self._unwrap(name, f"a DateTime64({digits}, 'UTC')")
        if kind == f"DateTime64({digits}, 'UTC')" and not self._is_nullable(name):
            return name
        zero = f"toDateTime64(0, {digits}, 'UTC')"
        if kind == "String":
            parsed = f"parseDateTime64BestEffortOrNull({name}, {digits}, 'UTC')"
            return f"ifNull({parsed}, {zero})"
        if not kind.startswith("Date"):
            raise self._explain(name, f"a DateTime64({digits}, 'UTC')")
        return self._fill_null(name, f"toDateTime64({name}, {digits}, 'UTC')", zero)

    def write_identity(self, name: str) -> str:
        """Return a column as a UUID that is not null."""
        kind = self._unwrap(name, "a UUID")
        if kind == "UUID":
            return self._fill_null(name, name, "toUUID('00000000-0000-0000-0000-000000000000')")
        if kind == "String":
            return f"toUUIDOrZero({self._fill_null(name, name, repr(''))})"
        raise self._explain(name, "a UUID")

    def convert(self, name: str, value: Any) -> Any:  # noqa: ANN401 - any value of a row
        """Return a value of a row to insert, in the type that the column needs."""
        if not self.holds_plain_text(name):
            return value
        return value.isoformat(" ") if isinstance(value, datetime) else str(value)

    def holds_plain_text(self, name: str) -> bool:
        """Return whether a column gives back every text exactly as it was written."""
        return self._unwrap(name, "a String") == "String"

    def find_resolution(self, name: str) -> timedelta:
        """Return the smallest step between two moments of a column."""
        kind = self._unwrap(name, "a DateTime64(6, 'UTC')")
        digits = _DIGITS.match(kind)
        if digits:
            return timedelta(microseconds=10 ** max(6 - int(digits[1]), 0))
        if kind.startswith("DateTime"):
            return timedelta(seconds=1)
        return timedelta(microseconds=1) if kind == "String" else timedelta(days=1)

    def _unwrap(self, name: str, wanted: str) -> str:
        if name not in self.types:
            raise ClickHouseSetupError(
                f"The table {self.table} has no column {name}, which must be {wanted}; add it, or name "
                f"another table with {self.setting}"
            )
        kind = self.types[name]
        while inner := _WRAPPER.match(kind):
            kind = inner[1]
        return kind

    def _is_nullable(self, name: str) -> bool:
        kind = self.types[name].partition("Array(")[0]
        return "Nullable(" in kind or kind.startswith(("Variant(", "Dynamic"))

    def _fill_null(self, name: str, value: str, filler: str) -> str:
        return f"ifNull({value}, {filler})" if self._is_nullable(name) else value

    def _explain(self, name: str, wanted: str) -> ClickHouseSetupError:
        return ClickHouseSetupError(
            f"The column {name} of the table {self.table} is {escape_controls(self.types[name])}, from which "
            f"no value can be read; it must be {wanted}. Name another table, or a view that casts it"
        )
