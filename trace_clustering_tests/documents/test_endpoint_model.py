"""Vectors of an endpoint: the real client and a real socket, and a server whose answers are scripted."""

import itertools
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest

from trace_clustering.documents.embedder import Embedder
from trace_clustering.documents.text_embedder import MAX_TEXT_CHARACTERS, TEXT_OF_EMPTY, TextEmbedder
from trace_clustering.errors import (
    EmbedderSetupError,
    EmbeddingFailedError,
    EmbeddingLimitError,
    TraceClusteringError,
)
from trace_clustering_tests.documents.embedding_server import (
    DIMENSION,
    EmbeddingServer,
    Reply,
    Request,
    Script,
    answer,
    in_turn,
    make_vector,
    refuse,
)

KEY = "sk-very-secret-0123456789abcdef"
TEXTS = [f"text number {number}" for number in range(10)]

Start = Callable[..., tuple[TextEmbedder, EmbeddingServer]]


@pytest.fixture
def start() -> Iterator[Start]:
    with ExitStack() as servers:

        def start(script: Script = answer, **fields: Any) -> tuple[TextEmbedder, EmbeddingServer]:
            server = servers.enter_context(EmbeddingServer(script))
            quick = {"kind": "endpoint", "base_url": server.base_url, "api_key": KEY, "model": "ours"}
            return Embedder(**{**quick, "retry_delay_seconds": 0.01, **fields}).load(), server

        yield start


def expect(texts: list[str], dimension: int = DIMENSION) -> np.ndarray:
    vectors = np.array([make_vector(text, dimension) for text in texts])
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_vectors_are_those_of_the_endpoint_with_length_one(start: Start) -> None:
    embedder, server = start()
    assert embedder.dimension is None
    np.testing.assert_allclose(embedder.embed(TEXTS), expect(TEXTS), atol=1e-6)
    assert (embedder.dimension, embedder.without_vector, embedder.texts_cut) == (DIMENSION, 0, 0)
    assert [request.texts for request in server.requests] == [TEXTS]
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_a_server_may_answer_with_lists_of_numbers(start: Start) -> None:
    embedder, _ = start(lambda request: answer(request, encode=False))
    np.testing.assert_allclose(embedder.embed(TEXTS), expect(TEXTS), atol=1e-6)


def test_batches_are_limited_in_texts_and_characters(start: Start) -> None:
    embedder, server = start(batch_size=4, max_request_characters=1000)
    texts = [*TEXTS, *(f"{number} " + "x" * 600 for number in range(3))]
    np.testing.assert_allclose(embedder.embed(texts), expect(texts), atol=1e-6)
    sizes = [len(request.texts) for request in server.requests]
    assert sizes == [4, 4, 3, 1, 1]


def test_equal_and_empty_texts_are_sent_once(start: Start) -> None:
    embedder, server = start()
    vectors = embedder.embed(["a", "", "b", "a", " \n", "a"])
    assert server.requests[0].texts == ["a", TEXT_OF_EMPTY, "b"]
    np.testing.assert_array_equal(vectors[[0, 1, 0]], vectors[[3, 4, 5]])


def test_the_order_of_the_answer_does_not_matter_if_it_is_numbered(start: Start) -> None:
    def shuffle(request: Request) -> Reply:
        reply = answer(request)
        reply.body["data"].reverse()
        return reply

    embedder, _ = start(shuffle)
    np.testing.assert_allclose(embedder.embed(TEXTS), expect(TEXTS), atol=1e-6)


def test_an_answer_without_numbers_is_in_order(start: Start) -> None:
    def strip(request: Request) -> Reply:
        reply = answer(request, counts=False)
        for item in reply.body["data"]:
            del item["index"]
        return reply

    embedder, _ = start(strip)
    np.testing.assert_allclose(embedder.embed(TEXTS), expect(TEXTS), atol=1e-6)
    assert embedder.usage is not None
    assert embedder.usage.tokens_estimated


def test_dimensions_and_prefix_are_sent_and_named(start: Start) -> None:
    embedder, server = start(dimensions=5, prefix="clustering: ")
    assert embedder.embed(["a"]).shape == (1, 5)
    assert server.requests[0].body["dimensions"] == 5
    assert server.requests[0].texts == ["clustering: a"]
    plain, _ = start()
    host = server.base_url.split("/")[2]
    assert embedder.model_name.startswith(f"ours@{host}/5/")
    assert plain.model_name.startswith("ours@127.0.0.1:")
    assert "/" not in plain.model_name


@pytest.mark.parametrize(
    "fault",
    [
        refuse("try later", 429, Retry_After="0"),
        refuse("overloaded", 503),
        Reply("<html>gateway</html>"),
        Reply({"data": []}),
        Reply({"data": [{"embedding": "not base64!"}] * 10}),
        Reply({"data": [{"embedding": [[1.0, 2.0]]}] * 10}),
        Reply({"data": [{"embedding": [1.0], "index": 0}] * 10}),
        Reply({"data": [{"embedding": [1.0] * (1 + number % 2)} for number in range(10)]}),
        Reply({"error": {"message": "model is loading"}}),
        Reply([1, 2]),
    ],
)
def test_what_may_pass_is_tried_again(start: Start, fault: Reply) -> None:
    embedder, server = start(in_turn(fault, answer))
    np.testing.assert_allclose(embedder.embed(TEXTS), expect(TEXTS), atol=1e-6)
    assert len(server.requests) == 2
    for_ever, server = start(in_turn(fault), max_retries=2)
    with pytest.raises(EmbeddingFailedError, match="goes on from here"):
        for_ever.embed(TEXTS)
    assert len(server.requests) == 3


def test_what_came_before_a_fault_is_not_lost(start: Start) -> None:
    embedder, _ = start(in_turn(answer, answer, refuse("down", 503)), batch_size=4, max_retries=0)
    kept: list[int] = []
    with pytest.raises(EmbeddingFailedError):
        kept.extend(row for batch in embedder.embed_batches(TEXTS) for row in batch.rows.tolist())
    assert kept == list(range(8))


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        (refuse("Incorrect API key provided: " + KEY, 401), "401"),
        (refuse("The model `ours` does not exist", 404), "does not exist"),
        (refuse("This model does not support specifying dimensions."), "dimensions"),
        (refuse("You exceeded your current quota", 402), "402"),
        (refuse("we do not like you"), "we do not like you"),
    ],
)
def test_a_refusal_names_the_reason_and_never_the_key(start: Start, refusal: Reply, said: str) -> None:
    embedder, server = start(in_turn(refusal), dimensions=5)
    with pytest.raises(EmbedderSetupError, match=said) as error:
        embedder.embed(["one", "two"])
    assert KEY not in str(error.value)
    assert len(server.requests) <= 4


def test_an_encoding_that_is_refused_is_left_out(start: Start) -> None:
    def script(request: Request) -> Reply:
        named = "encoding_format" in request.body
        return refuse("Unrecognized request argument: encoding_format") if named else answer(request)

    embedder, server = start(script, batch_size=5)
    np.testing.assert_allclose(embedder.embed(TEXTS), expect(TEXTS), atol=1e-6)
    assert len(server.requests) == 3


def test_a_server_that_takes_fewer_texts_gets_fewer_from_then_on(start: Start) -> None:
    def script(request: Request) -> Reply:
        too_many = len(request.texts) > 3
        return refuse("batch size 10 > maximum allowed batch size 3", 422) if too_many else answer(request)

    embedder, server = start(script, batch_size=10)
    texts = [f"text {number}" for number in range(40)]
    np.testing.assert_allclose(embedder.embed(texts), expect(texts), atol=1e-6)
    refused = [len(request.texts) for request in server.requests if len(request.texts) > 3]
    assert refused == [10, 5]


@pytest.mark.parametrize(
    "refusal",
    [
        refuse("This model's maximum context length is 100 tokens, however you requested 250 tokens"),
        refuse("Input validation error: `inputs` must have less than 100 tokens. Given: 250", 413),
        refuse("input is too large to process. increase the physical batch size", 500),
    ],
)
def test_a_text_that_is_too_long_is_cut_and_counted(start: Start, refusal: Reply) -> None:
    def script(request: Request) -> Reply:
        return refusal if any(len(text) > 400 for text in request.texts) else answer(request)

    embedder, _ = start(script)
    vectors = embedder.embed([*TEXTS, "long " * 200])
    np.testing.assert_allclose(vectors[:-1], expect(TEXTS), atol=1e-6)
    assert np.isfinite(vectors).all()
    assert embedder.texts_cut == 1


def test_no_more_than_the_beginning_of_a_very_long_text_is_sent(start: Start) -> None:
    embedder, server = start()
    embedder.embed(["x" * (MAX_TEXT_CHARACTERS + 1)])
    assert len(server.requests[0].texts[0]) == MAX_TEXT_CHARACTERS
    assert embedder.texts_cut == 1


def test_one_text_that_is_refused_stops_no_other(start: Start) -> None:
    def script(request: Request) -> Reply:
        return refuse("The content is filtered") if "bad" in request.texts else answer(request)

    embedder, _ = start(script)
    vectors = embedder.embed(["bad", *TEXTS, "bad"])
    np.testing.assert_allclose(vectors[1:-1], expect(TEXTS), atol=1e-6)
    assert np.isnan(vectors[[0, -1]]).all()
    assert embedder.without_vector == 2


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0])
@pytest.mark.parametrize("encode", [True, False])
def test_an_unusable_vector_is_none(start: Start, bad: float, encode: bool) -> None:
    def script(request: Request) -> Reply:
        vectors = [make_vector(text) for text in request.texts]
        vectors[3] = np.full(DIMENSION, bad)
        return answer(request, vectors=vectors, encode=encode)

    embedder, _ = start(script)
    vectors = embedder.embed(TEXTS)
    assert np.isnan(vectors[3]).all()
    assert np.isfinite(np.delete(vectors, 3, axis=0)).all()
    assert embedder.without_vector == 1
    only_bad, _ = start(lambda request: answer(request, vectors=[np.full(DIMENSION, bad)], encode=encode))
    with pytest.raises(EmbeddingFailedError, match="zero or not finite"):
        only_bad.embed(["one"])


def test_a_model_that_changes_is_not_mixed(start: Start) -> None:
    lengths = itertools.chain([8], itertools.repeat(9))

    def script(request: Request) -> Reply:
        dimension = next(lengths)
        return answer(request, vectors=[make_vector(text, dimension) for text in request.texts])

    embedder, _ = start(script, batch_size=5)
    with pytest.raises(EmbeddingFailedError, match="9 numbers where 8"):
        embedder.embed(TEXTS)


def test_dimensions_that_are_not_kept_to_are_refused(start: Start) -> None:
    embedder, _ = start(lambda request: answer(request, vectors=[make_vector("a")]), dimensions=5)
    with pytest.raises(EmbeddingFailedError, match="8 numbers where 5"):
        embedder.embed(["a"])


@pytest.mark.parametrize(
    "limit",
    [
        {"max_requests": 2},
        {"max_prompt_tokens": 50},
        {"max_cost_usd": 0.00005, "price_usd": 1.0},
    ],
)
def test_a_limit_is_kept_to_and_named(start: Start, limit: dict[str, Any]) -> None:
    embedder, server = start(batch_size=1, **limit)
    texts = [f"{text} " + "word " * 12 for text in TEXTS]
    kept: list[int] = []
    with pytest.raises(EmbeddingLimitError, match=next(iter(limit))):
        kept.extend(row for batch in embedder.embed_batches(texts) for row in batch.rows.tolist())
    assert 0 < len(kept) == len(server.requests) < len(TEXTS)


def test_use_is_counted(start: Start) -> None:
    embedder, _ = start(in_turn(refuse("later", 503), answer), price_usd=2.0)
    embedder.embed(TEXTS)
    assert embedder.usage is not None
    assert (embedder.usage.requests, embedder.usage.prompt_tokens) == (2, 30)
    assert embedder.usage.cost_usd == pytest.approx(60e-6)
    assert embedder.list_figures() == {
        "without_vector": 0,
        "texts_cut": 0,
        "requests": 2,
        "prompt_tokens": 30,
        "tokens_estimated": False,
        "cost_usd": embedder.usage.cost_usd,
    }


def test_a_server_that_hangs_is_given_up(start: Start) -> None:
    embedder, _ = start(in_turn(Reply({}, seconds=1.0)), request_timeout_seconds=0.1, max_retries=1)
    with pytest.raises(EmbeddingFailedError, match="did not answer in time"):
        embedder.embed(["a"])


def test_texts_follow_no_redirect(start: Start) -> None:
    _, received = start()
    moved = Reply("", 307, {"Location": f"{received.base_url}/embeddings"})
    embedder, _ = start(in_turn(moved))
    with pytest.raises(EmbedderSetupError, match="redirect"):
        embedder.embed(["a secret text"])
    assert received.requests == []


def test_an_embedder_is_used_several_times(start: Start) -> None:
    embedder, server = start()
    for text in TEXTS[:3]:
        np.testing.assert_allclose(embedder.embed([text]), expect([text]), atol=1e-6)
    assert len(server.requests) == 3


def test_errors_are_of_this_project(start: Start) -> None:
    embedder, _ = start(base_url="http://127.0.0.1:1/v1", max_retries=1)
    with pytest.raises(TraceClusteringError, match="connection"):
        embedder.embed(["a"])


def test_retries_are_told(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    embedder, _ = start(in_turn(refuse("later", 503), answer))
    with caplog.at_level(logging.WARNING):
        embedder.embed(["a"])
    assert "Embedding: the endpoint answered 503: later; trying again in 0.01 s (1 of 4)" in caplog.messages
