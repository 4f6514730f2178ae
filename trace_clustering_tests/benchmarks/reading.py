"""How fast large files of traces are read, and with how much memory: made-up files, ours alone."""

import json
import random
import statistics
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from trace_clustering_tests.benchmarks.processes import run

SIZE_BYTES = 10**9
MAX_PEAK_MIB = 500
KINDS = {"lines": "chats.jsonl", "array": "chats.json", "otlp": "otlp.json"}
_TITLES = {"lines": "JSON Lines of chats", "array": "one JSON array of chats", "otlp": "one object of OTLP"}
_WORDS = [
    "refund",
    "parcel",
    "invoice",
    "login",
    "mail",
    "late",
    "broken",
    "kettle",
    "order",
    "address",
    "change",
    "please",
    "thanks",
    "card",
]
_READ = """
import json, re, sys
from pathlib import Path
from trace_clustering.sources.read_report import ReadReport
from trace_clustering.sources.read_traces import read_traces
report = ReadReport()
for trace in read_traces([Path(sys.argv[1])], report):
    pass
status = Path("/proc/self/status").read_text()
print(json.dumps([report.traces, report.bad_count, int(re.search(r"VmHWM:\\s*(\\d+)", status)[1]) / 1024]))
"""


@dataclass(frozen=True)
class ReadingRow:
    """One line of the table of reading: a file, and what reading it took."""

    COLUMNS: ClassVar[tuple[str, ...]] = ("file", "size", "traces", "traces/s", "MB/s", "peak memory", "bar")

    work: str
    megabytes: float
    traces: int
    seconds: float
    peak_mib: float

    def format_cells(self) -> tuple[str, ...]:
        """Return what the table says."""
        return (
            *(self.work, f"{self.megabytes:,.0f} MB", f"{self.traces:,}"),
            *(f"{self.traces / self.seconds:,.0f}", f"{self.megabytes / self.seconds:.1f}"),
            *(f"{self.peak_mib:,.0f} MiB", f"<= {MAX_PEAK_MIB} MiB"),
        )

    def list_figures(self) -> dict[str, Any]:
        """Return what is saved."""
        return asdict(self)


def reading(runs: int, folder: Path, size_bytes: int = SIZE_BYTES) -> Iterator[ReadingRow]:
    """1 GB each of JSON Lines, one JSON array and one object of OTLP, read to traces in a fresh process."""
    for kind, name in KINDS.items():
        path = folder / name
        written = write_file(path, kind, size_bytes)
        measured = [run([sys.executable, "-c", _READ, str(path)]) for _ in range(runs)]
        # The peak that a process is started with is that of whoever started it, so it tells its own.
        traces, bad, _ = json.loads(measured[0].output)
        if (traces, bad) != (written, 0):
            raise RuntimeError(
                f"{path} holds {written} traces; {traces} were read, and {bad} records were bad"
            )
        seconds = statistics.median(m.seconds for m in measured)
        peak = statistics.median(json.loads(m.output)[2] for m in measured)
        yield ReadingRow(_TITLES[kind], path.stat().st_size / 10**6, traces, seconds, peak)
        path.unlink()


def write_file(path: Path, kind: str, size_bytes: int) -> int:
    """Write traces until a file has this size, and return how many they are."""
    opening, separator, closing = {
        "lines": ("", "\n", "\n"),
        "array": ("[", ",\n", "]"),
        "otlp": ('{"resourceSpans": [', ",", "]}"),
    }[kind]
    source = random.Random(7)  # noqa: S311 - made-up text
    make = make_otlp if kind == "otlp" else make_chat
    size = count = 0
    with path.open("w", encoding="utf-8") as file:
        size += file.write(opening)
        while size < size_bytes:
            size += file.write((separator if count else "") + json.dumps(make(source, count + 1)))
            count += 1
        file.write(closing)
    return count


def make_chat(source: random.Random, number: int) -> dict[str, Any]:
    """Return a chat of some turns with a tool call each, of about 8 kB."""
    messages: list[dict[str, Any]] = [{"role": "system", "content": _make_text(source, 300)}]
    for turn in range(4):
        call = {"id": f"c{turn}", "function": {"name": "look_up", "arguments": json.dumps({"order": turn})}}
        messages += [
            {"role": "user", "content": _make_text(source, 40)},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {
                "role": "tool",
                "tool_call_id": f"c{turn}",
                "content": json.dumps({"a": _make_text(source, 100)}),
            },
            {"role": "assistant", "content": _make_text(source, 80)},
        ]
    return {
        "id": f"chat-{number}",
        "created": 1_754_038_800 + number,
        "model": "m-small",
        "messages": messages,
    }


def make_otlp(source: random.Random, number: int) -> dict[str, Any]:
    """Return a resource with the spans of a trace, each call of which repeats what was said before."""
    messages = make_chat(source, number)["messages"]
    spans = []
    for call in range(4):
        start = (1_754_038_800 + number * 60 + call) * 10**9
        said = [
            {"role": m["role"], "parts": [{"type": "text", "content": m["content"] or "-"}]} for m in messages
        ]
        attributes = {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "m-small",
            "gen_ai.input.messages": json.dumps(said[: 2 + 4 * call]),
            "gen_ai.output.messages": json.dumps(said[4 + 4 * call : 5 + 4 * call]),
        }
        spans.append(
            {
                "traceId": f"{number:032x}",
                "spanId": f"{number * 4 + call:016x}",
                "name": "chat m-small",
                "startTimeUnixNano": str(start),
                "endTimeUnixNano": str(start + 10**9),
                "attributes": [{"key": k, "value": {"stringValue": v}} for k, v in attributes.items()],
                "status": {},
            }
        )
    service = {"key": "service.name", "value": {"stringValue": "shop"}}
    return {"resource": {"attributes": [service]}, "scopeSpans": [{"scope": {"name": "x"}, "spans": spans}]}


def _make_text(source: random.Random, words: int) -> str:
    return " ".join(source.choices(_WORDS, k=words))
