"""The texts of a summary: that of the stored document, and that which is embedded."""

from collections.abc import Sequence

from trace_clustering.traces.summary import TraceSummary


def write_document_text(summary: TraceSummary) -> str:
    """Return the text of a summary, in the blocks in which PostHog embeds summaries."""
    return join_blocks(
        summary["title"], summary["flow_diagram"], summary["bullets"], summary["interesting_notes"]
    )


def join_blocks(
    title: str, flow_diagram: str, bullets: Sequence[str], interesting_notes: Sequence[str]
) -> str:
    """Return the four texts of a summary as one; what is empty is left out."""
    blocks = {
        "Title": title,
        "Flow": flow_diagram,
        "Summary": "\n".join(f"- {text}" for text in bullets),
        "Interesting Notes": "\n".join(f"- {text}" for text in interesting_notes),
    }
    return "\n".join(f"{name}: {text}" for name, text in blocks.items() if text)


def write_embedded_text(
    title: str, flow_diagram: str, bullets: Sequence[str], interesting_notes: Sequence[str]
) -> str:
    """Return the four texts of a summary as one, without the names of the blocks.

    The names are the same in all documents and make short ones more alike: without them, intents that are a
    single sentence are told apart better, and conversations no worse.
    """
    return "\n".join(text for text in (title, flow_diagram, *bullets, *interesting_notes) if text)
