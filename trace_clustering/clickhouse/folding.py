"""Finds the traces whose texts differ only in ids, numbers and dates: they are of one kind."""

from typing import Final

from trace_clustering.clickhouse.columns import TableColumns

_MONTHS: Final = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_NUMBER: Final = r"\p{Nd}+(?:[.,:/-]\p{Nd}+)*"
# What differs between texts of one kind, in lower case. Of several that fit, the first counts (RE2).
_VARIABLE: Final = "|".join(
    (
        r"(?:https?://|www\.)[^\s<>\"']+",
        r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+",
        r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b",
        r"\b0x[0-9a-f]+\b",
        r"\b[0-9a-f]{8,}\b",
        # Ids that mix letters and digits (qx7f2z, abc123def, 12ab34), but not b2b, k8s or python3.
        r"\b(?:[a-z]+\d+[a-z]+\d|\d+[a-z]+\d|[a-z]{2,}\d{2,}[a-z]{2,})[a-z\d]*\b",
        r"\b\d{4}-\d\d-\d\d[t ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:z|[+-]\d\d:?\d\d)?\b",
        rf"\b{_MONTHS}\.? \d{{1,2}}(?:st|nd|rd|th)?\b(?:,? \d{{4}}\b)?",
        rf"\b\d{{1,2}}(?:st|nd|rd|th)?\.? (?:of )?{_MONTHS}\b\.?(?:,? \d{{4}}\b)?",
        rf"{_NUMBER}(?:(?:st|nd|rd|th)\b)?",
    )
)
_SPACE: Final = r"[\s\p{Z}]+"

# An item of a list is an object with a `text`, or a text.
_LIST: Final = (
    "arrayMap(item -> if(startsWith(item, '\"'), JSONExtractString(item), JSONExtractString(item, 'text')), "
    "JSONExtractArrayRaw(properties_text, '{name}'))"
)
_SUMMARY_KINDS: Final = """
    WITH
        {properties} AS properties_text,
        arrayStringConcat(arrayConcat(
            [JSONExtractString(properties_text, '$ai_summary_title'),
             JSONExtractString(properties_text, '$ai_summary_flow_diagram')],
            {bullets}, {notes}), '\\n') AS summary_text
    SELECT
        JSONExtractString(properties_text, '$ai_trace_id') AS summarized_trace_id,
        argMax({kind}, tuple({moment}, {created}, {identity})) AS summary_kind
    FROM {{events:Identifier}}
    WHERE team_id = {{team_id:Int64}}
        AND {event} = {{summary_event:String}}
        AND {timestamp} >= {{window_start:DateTime64(3, 'UTC')}}
        AND {timestamp} < {{window_end:DateTime64(3, 'UTC')}}
    GROUP BY summarized_trace_id
"""


def write_kind(text: str) -> str:
    """Return the SQL of what a text has in common with all others of its kind; 0 if it is empty."""
    words = f"replaceRegexpAll(lowerUTF8({text}), {{variable:String}}, '#')"
    plain = f"trimBoth(replaceRegexpAll({words}, {{space:String}}, ' '))"
    return f"if({plain} = '', 0, cityHash64({plain}))"


def write_summary_kinds(columns: TableColumns) -> str:
    """Return the SQL of `summarized_trace_id` and `summary_kind`, of the newest summary of each trace.

    `columns` are those of the table of events.
    """
    return _SUMMARY_KINDS.format(
        properties=columns.write_text("properties"),
        bullets=_LIST.format(name="$ai_summary_bullets"),
        notes=_LIST.format(name="$ai_summary_interesting_notes"),
        kind=write_kind("summary_text"),
        moment=columns.write_moment("timestamp", 6),
        created=columns.write_moment("created_at", 6),
        identity=columns.write_identity("uuid"),
        event=columns.write_comparable("event"),
        timestamp=columns.write_ordered_moment("timestamp", 6),
    )


def bind_kinds() -> dict[str, str]:
    """Return the parameters of the SQL of kinds."""
    return {"variable": _VARIABLE, "space": _SPACE}
