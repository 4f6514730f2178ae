"""What a person asked is found in the prompts that programs make of it."""

from datetime import UTC, datetime, timedelta

from trace_clustering.sources.messages import Message, read_messages
from trace_clustering.sources.prompts import unwrap_prompts
from trace_clustering.sources.span import Span
from trace_clustering.sources.spans import build_trace
from trace_clustering.traces.trace import ModelCall

QUESTION = "How long does a parcel to Lima take?"
PROMPT = (
    f"Use the following documents to answer.\n\n{'Parcels take days. ' * 10}\n\nQuestion: {QUESTION}\nAnswer:"
)
START = datetime(2026, 8, 1, 9, tzinfo=UTC)


def make_span(name: str, parent: str, given: object, made: object) -> Span:
    messages = [*read_messages(given, "user"), *read_messages(made, "assistant")]
    call = ModelCall(name, start=START, end=START + timedelta(seconds=2))
    return Span(name, parent, "model" if parent else "other", call=call, messages=messages)


def test_the_question_of_the_root_stands_in_the_place_of_the_prompt() -> None:
    root = make_span("root", "", {"question": QUESTION, "k": 4}, {"answer": "Nine days."})
    call = make_span("call", "root", [{"role": "user", "content": PROMPT}], "Nine days.")

    trace = build_trace("t1", [root, call], "test")

    assert trace.list_texts("user") == [QUESTION]
    assert trace.list_texts("assistant") == ["Nine days."]


def test_what_people_wrote_themselves_stays() -> None:
    said = [Message("user", f"{QUESTION} And how much for two kilograms?"), Message("assistant", PROMPT)]
    asked = Message("user", QUESTION, is_guess=True)
    short = Message("user", "How long", is_guess=True)
    prompts = [Message("user", PROMPT)]

    assert unwrap_prompts(said, [asked]) == said
    assert unwrap_prompts(prompts, [short]) == prompts
    assert unwrap_prompts(prompts, [Message("user", QUESTION)]) == prompts
