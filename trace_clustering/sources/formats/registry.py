"""All formats, in the order in which a record is tried against them."""

from collections.abc import Iterable

from trace_clustering.errors import InvalidRecordError
from trace_clustering.sources.formats.chatgpt import CHATGPT
from trace_clustering.sources.formats.claude_ai import CLAUDE_AI
from trace_clustering.sources.formats.claude_code import CLAUDE_CODE
from trace_clustering.sources.formats.contract import Format, Record
from trace_clustering.sources.formats.langfuse import LANGFUSE
from trace_clustering.sources.formats.langsmith import LANGSMITH
from trace_clustering.sources.formats.openai_chat import OPENAI_CHAT
from trace_clustering.sources.formats.openai_log import OPENAI_LOG
from trace_clustering.sources.formats.openinference import OPENINFERENCE
from trace_clustering.sources.formats.otlp import OTLP
from trace_clustering.sources.formats.posthog_events import POSTHOG
from trace_clustering.sources.formats.sharegpt import SHAREGPT
from trace_clustering.sources.formats.trace_record import TRACE_RECORD
from trace_clustering.sources.formats.wildchat import WILDCHAT

FORMATS: tuple[Format, ...] = (
    TRACE_RECORD,
    OTLP,
    LANGFUSE,
    LANGSMITH,
    OPENINFERENCE,
    CLAUDE_CODE,
    CHATGPT,
    CLAUDE_AI,
    OPENAI_CHAT,
    SHAREGPT,
    WILDCHAT,
    OPENAI_LOG,
    POSTHOG,
)


def get_format(name: str) -> Format:
    """Return the format that a user names.

    Raises
    ------
    InvalidRecordError
        If there is none of this name.
    """
    for known in FORMATS:
        if known.name == name:
            return known
    raise InvalidRecordError(
        f"There is no format {name!r}; choose one of {', '.join(known.name for known in FORMATS)}"
    )


def recognize_format(records: Iterable[Record]) -> Format | None:
    """Return the format of which the first of these records is that any format recognises."""
    return next((known for record in records for known in FORMATS if known.recognizes(record)), None)
