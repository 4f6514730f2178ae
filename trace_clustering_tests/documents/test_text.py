"""The text of a summary that is stored and embedded."""

from trace_clustering.documents.text import write_document_text, write_embedded_text
from trace_clustering.traces.summary import TraceSummary


def make_summary(flow: str, bullets: list[str], notes: list[str]) -> TraceSummary:
    return TraceSummary(
        title="Find a hotel",
        flow_diagram=flow,
        bullets=bullets,
        interesting_notes=notes,
        trace_timestamp="",
        trace_id="t1",
    )


def test_each_field_is_a_block() -> None:
    text = write_document_text(make_summary("find -> book", ["near", "cheap"], ["book failed"]))
    expected = (
        "Title: Find a hotel\nFlow: find -> book\nSummary: - near\n- cheap\nInteresting Notes: - book failed"
    )
    assert text == expected


def test_empty_fields_are_left_out() -> None:
    assert write_document_text(make_summary("", [], [])) == "Title: Find a hotel"


def test_the_embedded_text_names_no_blocks() -> None:
    assert write_embedded_text("Find a hotel", "find -> book", ["near", "cheap"], []) == (
        "Find a hotel\nfind -> book\nnear\ncheap"
    )
    assert write_embedded_text("Find a hotel", "", [], ["book failed"]) == "Find a hotel\nbook failed"
