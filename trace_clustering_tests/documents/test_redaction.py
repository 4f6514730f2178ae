"""Personal data and secrets are replaced, and nothing that only looks like them."""

import json
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from trace_clustering.documents.redaction import KINDS, Kind, redact_text, redact_trace
from trace_clustering.traces.summary import TraceSummary
from trace_clustering.traces.trace import ModelCall, ToolCall, Trace, Turn

# Put together, so that no scanner of this repository takes them for real ones.
SK = "sk-" + "proj-aB3dE5gH7jK9mN1pQ3sT"
JWT = "eyJ" + "hbGciOiJIUzI1NiJ9." + "eyJ" + "zdWIiOiIxMjM0In0.c2lnbmF0dXJlLW9mLWl0"
PRIVATE_KEY = "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIabc\n-----END RSA " + "PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("Write to ada.lovelace+x@mail.example.co.uk.", "Write to [email]."),
        ("почта@пример.рф, ok", "[email], ok"),
        ('{"to": "a@b.example"}', '{"to": "[email]"}'),
        (r'{"text": "Mine:\nada@example.com"}', r'{"text": "Mine:\n[email]"}'),
        (r"DOMAIN\\ada@example.com", r"DOMAIN\\[email]"),
        ("1111 1111 4111 1111 1111 1111 is", "1111 1111 [card] is"),
        ("call +49 (0)30 1234-5678 now", "call [phone] now"),
        ("+14155550132", "[phone]"),
        ("(415) 555-0132 or 415-555-0132 or 1-415-555-0132", "[phone] or [phone] or [phone]"),
        ("06 12 34 56 78", "[phone]"),
        ("0049 30 123456, tel: 0049 30 123456", "[phone], tel: [phone]"),
        ("my number is 415 555 0132", "my number is [phone]"),
        ("5555555555554444,5105105105105100", "[card],[card]"),
        ("0171/2345678, 030 1234567", "[phone], [phone]"),
        ("My phone number is 4155550132", "My phone number is [phone]"),
        ('{"phone": 4155550132, "x": 1}', '{"phone": "[phone]", "x": 1}'),
        ("电话：13800138000", "电话：[phone]"),
        ("Visa 4111 1111 1111 1111, exp 12/27", "Visa [card], exp 12/27"),
        ("4111-1111-1111-1111 and 378282246310005", "[card] and [card]"),
        ('[{"card": 4111111111111111}]', '[{"card": "[card]"}]'),
        (f"use {SK}!", "use [key]!"),
        ("AKIA" + "IOSFODNN7EXAMPLE", "[key]"),
        ("gh" + "p_0123456789abcdefABCDEF0123456789abcd", "[key]"),
        (f"Authorization: Bearer {JWT}", "Authorization: Bearer [key]"),
        ("Bearer abcdef0123456789abcdef", "Bearer [key]"),
        (f"key:\n{PRIVATE_KEY}\nend", "key:\n[key]\nend"),
        ("postgres://app:hunter2@db.example/x", "postgres://app:[key]@db.example/x"),
        ("password=hunter2 user=ada", "password=[key] user=ada"),
        ('{"password": "correct horse"}', '{"password": "[key]"}'),
        ('{\\"api_key\\": \\"abc123\\"}', '{\\"api_key\\": \\"[key]\\"}'),
        ('{"token": 12345}', '{"token": "[key]"}'),
        ("?api_key=abc123&x=1", "?api_key=[key]&x=1"),
        ("My password is hunter2.", "My password is [key]"),
        ("Das Passwort: geheim!1", "Das Passwort: [key]"),
    ],
)
def test_what_has_a_clear_form_is_replaced(text: str, redacted: str) -> None:
    assert redact_text(text) == redacted
    assert redact_text(redacted) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "Flight HAT136 and reservation M05KNL on 2024-05-20 at 10:00:00",
        "Gift card 6276644 and certificate_7504069 for $1,234,567.89",
        "order #123-4567890-1234567, ISBN 978-3-16-148410-0",
        "id 2ff8bc76-b859-4155-5501-29a30ff9b9a0, span 0af7651916cd43dd8448eb211c80319c",
        "timestamps 1754038800000000000 and 1754038800",
        "4111 1111 1111 1112 fails the check, and 9999999999999995 has no issuer",
        "versions 1.22.333.4444, lodash@4.17.21, image@2x.png",
        "192.168.100.200:8080, 3.14159265358979, 1e-10",
        "decorators @app.route and @types/node",
        "max_tokens=100, token_count: 2048, total tokens: 18",
        "def login(password: str, token: Optional[str] = None)",
        "password = os.environ['PASSWORD'] and api_key=$API_KEY",
        "The token: a word or a part of one. A password is needed. The secret is simple.",
        "token = get_token(), const password = await ask('x'), pwd: /home/ada",
        "Bearer of misunderstandings; Basic misunderstandings",
        "sk-learn, task-management-system-for-teams, phone booth 12",
        "phone: 2024-05-20",
    ],
)
def test_what_only_looks_like_it_stays(text: str) -> None:
    assert redact_text(text) == text


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_kinds_that_are_asked_for_are_replaced(kind: Kind) -> None:
    texts = {"key": SK, "email": "a@b.example", "card": "4111 1111 1111 1111", "phone": "+14155550132"}
    expected = {**texts, kind: f"[{kind}]"}
    assert redact_text(" | ".join(texts.values()), [kind]) == " | ".join(expected.values())


def test_no_text_of_a_trace_is_missed() -> None:
    mail = "ada@example.com"
    call = ToolCall(mail, mail, mail, mail, "call-1")
    model_call = ModelCall(span_id="s1", error=mail, prompt_name=mail, prompt_version=mail)
    trace = Trace(
        "t1",
        *(mail, mail, mail, mail),
        turns=(Turn("user", mail, (call,)),),
        calls=(model_call,),
        error=mail,
        tags=(mail,),
        source_link=f"https://x.example/?user={mail}",
        summary=TraceSummary(
            title=mail,
            flow_diagram=mail,
            bullets=[mail],
            interesting_notes=[mail],
            trace_timestamp="",
            trace_id="t1",
        ),
        embedding=np.ones(3, dtype=np.float32),
    )
    redacted = redact_trace(trace)
    assert "ada@" not in repr({field.name: getattr(redacted, field.name) for field in fields(Trace)})
    assert redacted.user_id == "[email]"
    assert redacted.embedding is None
    assert redact_trace(trace, ["phone"]).summary == trace.summary


def test_a_trace_without_findings_is_the_same() -> None:
    trace = Trace("t1", turns=(Turn("user", "Where is it?"),), embedding=np.ones(3, dtype=np.float32))
    redacted = redact_trace(trace)
    assert redacted.turns == trace.turns
    assert redacted.embedding is trace.embedding
    assert replace(trace, summary=None).summary is None


HOSTILE = (
    *("a@", "a.", "1 ", "+1 ", "(0", "0123 ", "4111 1111 1111 ", "eyJ-", "eyJaaaaaaaaaa.", "-----BEGIN "),
    *("password: ", "password=", "://a:", "Bearer a", 'pwd"\\\\', "secret_", "phone +1 ", "\\n", "\\u00e9"),
)


@pytest.mark.parametrize(
    "piece", [*HOSTILE[:4], *(pytest.param(piece, marks=pytest.mark.slow) for piece in HOSTILE[4:])]
)
def test_a_megabyte_of_hostile_text_is_redacted(piece: str) -> None:
    assert redact_text(piece * (10**6 // len(piece)))


def test_real_conversations_lose_their_addresses_and_nothing_else(real_data: Path) -> None:
    text = (real_data / "conversations" / "openai_chat.jsonl").read_text()
    assert redact_text(text, ["phone", "card", "key"]) == text
    redacted = redact_text(text)
    assert "@" not in redacted
    assert redacted.count("[email]") == text.count("@") > 30
    assert all(json.loads(line) for line in redacted.splitlines())
