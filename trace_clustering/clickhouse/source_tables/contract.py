"""What is to be known of one kind of tables, so that its traces can be read by day."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from trace_clustering.clickhouse.columns import TableColumns

Columns = Mapping[str, TableColumns]


@dataclass(frozen=True)
class Statements:
    """The statements that read the traces of one source.

    Attributes
    ----------
    moments : str
        One row for each row of the tables that starts at `{since}` or later and before `{until}`: `trace_id`,
        `start`, `times`, an array of the moments at which something happened to it, its arrival included, and
        `is_of_llm`, without which in one row at least a trace is none of an LLM application.
    rows : tuple of str
        Each yields the rows of one table that belong to the traces `{trace_ids}` and start between `{first}`
        and `{last}`: each row once, in the order of `trace_id`, with values as JSON has them. The last table
        is the one with the most.
    """

    moments: str
    rows: tuple[str, ...]


@dataclass(frozen=True)
class TableKind:
    """One kind of tables.

    Attributes
    ----------
    name_tables : callable
        Given a source, returns the names of its tables by the parameter that stands for each in statements.
    bind_owner : callable
        Given a source, returns the bound parameters that tell its rows from those of others.
    write_condition : callable
        Given a source and the columns, returns the SQL that holds for its rows only, and binds nothing.
    write_statements : callable
        Given a source and the columns, returns the statements.
    optional : frozenset of str
        Parameters of the tables that need not be there, unless the source names them.
    margin : timedelta
        How long before a day something may have happened that could not be seen when that day was read.
    """

    name_tables: Callable[[Any], dict[str, str]]
    bind_owner: Callable[[Any], dict[str, Any]]
    write_condition: Callable[[Any, Columns], str]
    write_statements: Callable[[Any, Columns], Statements]
    optional: frozenset[str] = frozenset()
    margin: timedelta = timedelta(hours=1)
