"""Summarizes a trace without a language model, from what stands in it."""

from typing import Final

from trace_clustering.documents.fillers import has_word, is_closing, is_filler, strip_greeting
from trace_clustering.documents.flow import write_flow
from trace_clustering.documents.notes import list_notes
from trace_clustering.documents.sentences import list_sentences
from trace_clustering.documents.wrappers import unwrap_text
from trace_clustering.text import MAX_TITLE_LENGTH, clean_line
from trace_clustering.traces.summary import TraceSummary
from trace_clustering.traces.trace import Trace
from trace_clustering.traces.window import format_time

MAX_BULLETS: Final = 8
MAX_BULLET_LENGTH: Final = 240
NO_TEXT_TITLE: Final = "Trace without text"
_MAX_TOOLS_IN_TITLE = 3


def extract_summary(trace: Trace) -> TraceSummary:
    """Return the summary of a trace; one that the source gave stays as it is.

    The title is what the person first asked for, or says what else is known; the flow are the tools in order;
    the bullets are what else was asked; the notes are errors and an unanswered end. Nothing is invented.
    """
    if trace.summary is not None:
        return trace.summary
    title, *bullets = _list_requests(trace) or [_name_trace(trace)]
    return TraceSummary(
        title=title,
        flow_diagram=write_flow(trace),
        bullets=bullets[:MAX_BULLETS],
        interesting_notes=list_notes(trace),
        trace_timestamp=format_time(trace.start) if trace.start else "",
        trace_id=trace.trace_id,
    )


def _list_requests(trace: Trace) -> list[str]:
    """Return what the person asked, each once, as lines; the first is the title."""
    texts = [unwrap_text(text) for text in trace.list_texts("user")]
    asked = [text for text in texts if text and not is_filler(text)] or [text for text in texts if text]
    if not asked:
        return []
    if len(asked) > 1 and is_closing(asked[-1]):
        asked.pop()
    title, rest = _split_title(asked[0])
    bullets = (clean_line(text, MAX_BULLET_LENGTH) for text in (rest, *asked[1:]) if not is_filler(text))
    lines = (line for line in (title, *bullets) if line)
    return list(dict.fromkeys(lines))


def _split_title(text: str) -> tuple[str, str]:
    """Return the sentences that make the title, and the sentences that have no room in it."""
    sentences = [s for s in list_sentences(text) if not is_filler(s)] or [clean_line(text, len(text))]
    title = strip_greeting(sentences[0])
    if not has_word(title):
        title = sentences[0]
    count = 1
    while count < len(sentences) and len(title) + 1 + len(sentences[count]) <= MAX_TITLE_LENGTH:
        title += f" {sentences[count]}"
        count += 1
    whole = _capitalize(title)
    shown = cut_line(whole)
    # Of a sentence that is cut, the bullet says the whole.
    return shown, " ".join([*([whole] if shown.endswith("…") else []), *sentences[count:]])


def _capitalize(text: str) -> str:
    """Return a text with a capital at its beginning, unless its first word is a name such as an address."""
    first = text.partition(" ")[0].strip(".,:;!?'\"’")
    return text[:1].upper() + text[1:] if first.replace("'", "").isalpha() and first.islower() else text


def cut_line(text: str, max_length: int = MAX_TITLE_LENGTH) -> str:
    """Return a text as one clean line, cut at the end of a word where there is one."""
    line = clean_line(text, max_length)
    if line.endswith("…") and (space := line.rfind(" ", max_length // 2)) > 0:
        return line[:space].rstrip(" ,;:-") + "…"
    return line


def _name_trace(trace: Trace) -> str:
    """Return a title for a trace in which nobody asked anything."""
    tools = list(dict.fromkeys(call.name for call in trace.tool_calls if call.name))
    calls = f"Calls {', '.join(tools[:_MAX_TOOLS_IN_TITLE])}" if tools else ""
    answers = trace.list_texts("assistant") + trace.list_texts("tool")
    candidates = (trace.name, calls, answers[0] if answers else "", NO_TEXT_TITLE)
    return next(line for text in candidates if (line := cut_line(text)))
