"""What a language model gets of a trace, and what it answered, read as a summary."""

import re
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, ValidationError

from trace_clustering.documents.cut import write_transcript
from trace_clustering.documents.extract import MAX_BULLETS, cut_line
from trace_clustering.documents.llm_rules import TOOL_NAME
from trace_clustering.documents.notes import MAX_NOTE_LENGTH, MAX_NOTES
from trace_clustering.errors import UnreadableAnswerError
from trace_clustering.llm.endpoint.answers import Answer
from trace_clustering.llm.endpoint.request_size import measure_text
from trace_clustering.llm.json_answers import dump_json, replace_surrogates
from trace_clustering.llm.reading import ModelInput, Text, read_texts
from trace_clustering.llm.text_calls import find_calls
from trace_clustering.text import clean_line
from trace_clustering.traces.summary import TraceSummary
from trace_clustering.traces.trace import Trace
from trace_clustering.traces.window import format_time

MAX_FLOW_LENGTH: Final = 400
_MAX_BULLET_LENGTH = 240

_ARROW: Final = re.compile(r"\s*(?:-+>|=+>|→|⟶|⇒)\s*|\n+")
_BULLET: Final = re.compile(r"^\s*[-*•]\s+")
_MIN_TRANSCRIPT = 200


class _Summary(ModelInput):
    title: Text
    flow_diagram: Text = ""
    bullets: Annotated[list[Any], BeforeValidator(read_texts)] = Field(default_factory=list)
    interesting_notes: Annotated[list[Any], BeforeValidator(read_texts)] = Field(default_factory=list)


def write_question(trace: Trace, max_characters: int) -> str:
    """Return the transcript as JSON, in at most so many characters of a request where they suffice.

    JSON escapes quotes and line breaks, so that a transcript of many of them becomes shorter.
    """
    length = max_characters
    while True:
        question = dump_json({"transcript": replace_surrogates(write_transcript(trace, length))})
        taken = measure_text(question)
        if taken <= max_characters or length <= _MIN_TRANSCRIPT:
            return question
        length = max(int(length * max_characters / taken * 0.95), _MIN_TRANSCRIPT)


def read_summary(answer: Answer, trace: Trace) -> TraceSummary:
    """Return the summary that an answer holds, cleaned and cut to the lengths of an extract.

    Raises
    ------
    UnreadableAnswerError
        If it holds none with a title.
    """
    calls = [*answer.calls, *find_calls(answer.text, [TOOL_NAME])]
    for value in [*(call.arguments for call in calls), answer.text]:
        try:
            written = _Summary.model_validate(value)
        except (ValidationError, RecursionError):
            continue
        if title := cut_line(written.title):
            return _build_summary(title, written, trace)
    raise UnreadableAnswerError("the answer holds no summary")


def _build_summary(title: str, written: _Summary, trace: Trace) -> TraceSummary:
    steps = (clean_line(step, MAX_FLOW_LENGTH) for step in _ARROW.split(written.flow_diagram))
    flow = " -> ".join(step for step in steps if step)
    return TraceSummary(
        title=title,
        flow_diagram=flow if len(flow) <= MAX_FLOW_LENGTH else flow[: MAX_FLOW_LENGTH - 1] + "…",
        bullets=_clean_lines(written.bullets, MAX_BULLETS, _MAX_BULLET_LENGTH),
        interesting_notes=_clean_lines(written.interesting_notes, MAX_NOTES, MAX_NOTE_LENGTH),
        trace_timestamp=format_time(trace.start) if trace.start else "",
        trace_id=trace.trace_id,
    )


def _clean_lines(lines: list[Any], max_lines: int, max_length: int) -> list[str]:
    texts = (line for line in lines if isinstance(line, str))
    cleaned = (clean_line(_BULLET.sub("", text), max_length) for text in texts)
    return [line for line in dict.fromkeys(cleaned) if line][:max_lines]
