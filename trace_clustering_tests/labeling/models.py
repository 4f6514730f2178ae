"""Scripted models: a sensible one, which acts on what the tools return, and parts of it for the others."""

from collections.abc import Generator, Iterable
from typing import Any

from trace_clustering_tests.llm.llm_server import Call, Model, Reply, Request, Says, says

OVERVIEW = Call("get_clusters_overview")
SAMPLES = Call("get_all_clusters_with_sample_titles", {"titles_per_cluster": 10})
FINALIZE = Call("finalize_labels")


def label(cluster: int, title: str, *bullets: str) -> dict[str, Any]:
    lines = bullets or ("The traces have this in common.", "The neighbours do not.")
    return {"cluster_id": cluster, "title": title, "description": "\n".join(f"- {b}" for b in lines)}


def bulk(labels: Iterable[dict[str, Any]]) -> Call:
    return Call("bulk_set_labels", {"labels": list(labels)})


def scripted(script: Generator[Reply, Request, None]) -> Model:
    """A model that is written as a generator: it yields replies and is sent the requests that follow."""
    started = False

    def model(request: Request) -> Reply:
        nonlocal started
        if not started:
            started = True
            next(script)
        return script.send(request)

    return model


def sensible() -> Model:
    """Two phases: label everything from overview and samples, then look closer where titles are alike."""
    return scripted(_two_phases())


def _two_phases() -> Generator[Any, Request, None]:
    yield None  # the first request holds nothing to react to
    request = yield says(OVERVIEW)
    overview = {row["cluster_id"]: row for row in request.results()[0]}
    request = yield says(SAMPLES)
    samples = {row["cluster_id"]: row["sample_titles"] for row in request.results()[0]}
    groups = {number: row for number, row in overview.items() if "group_of" in row}
    overview = {number: row for number, row in overview.items() if number not in groups}
    titles = {
        cluster: "Outliers"
        if cluster == -1
        else _find_common_words(samples[cluster]) or _make_title_of_terms(overview[cluster])
        for cluster in overview
    }
    request = yield says(
        bulk(
            label(
                cluster,
                title,
                f"Traces about {' and '.join(overview[cluster].get('terms', [])[:3]) or 'many things'}",
                f"For example: {samples[cluster][0] if samples[cluster] else 'none'}",
            )
            for cluster, title in titles.items()
        ),
        *([bulk(label(number, f"All about {number}") for number in groups)] if groups else []),
    )
    unclear = _find_similar(titles)[:4]
    request = yield says(
        Call("get_current_labels"),
        *(Call("get_cluster_trace_titles", {"cluster_id": cluster, "limit": 20}) for cluster in unclear),
    )
    traces = [row["trace_id"] for result in request.results()[1:] for row in result[:2]]
    request = yield says(Call("get_trace_details", {"trace_ids": traces or ["none"]}))
    refined = [
        Call("set_cluster_label", label(cluster, _sharpen(titles[cluster], overview[cluster], 1)))
        for cluster in unclear
    ]
    request = yield says(*refined, FINALIZE)
    attempt = 1
    while True:  # refused: mend what was named
        attempt += 1
        pairs = [row["titles"] for row in request.results()[-1] if "titles" in row]
        mended = {int(cluster): title for pair in pairs for cluster, title in list(pair.items())[1:]}
        request = yield says(
            bulk(label(c, _sharpen(title, overview[c], attempt)) for c, title in mended.items() if c != -1),
            FINALIZE,
        )


def _find_common_words(titles: list[str]) -> str:
    """Return the words that most of the titles share, in the order of the first."""
    sets = [set(title.lower().split()) for title in titles]
    words = [
        word for word in (titles[0].split() if titles else []) if _compute_share(word.lower(), sets) >= 0.6
    ]
    return " ".join(words[:8]) if len(words) > 1 else ""


def _make_title_of_terms(row: dict[str, Any]) -> str:
    return f"Questions about {' and '.join(row.get('terms', [])[:3]) or 'other things'}"


def _compute_share(word: str, sets: list[set[str]]) -> float:
    return sum(word in words for words in sets) / len(sets)


def _find_similar(titles: dict[int, str]) -> list[int]:
    words = {cluster: set(title.lower().split()) for cluster, title in titles.items()}
    return [
        one
        for one in words
        if any(one < other and 2 * len(words[one] & words[other]) > len(words[one]) for other in words)
    ]


def _sharpen(title: str, row: dict[str, Any], attempt: int) -> str:
    terms = [term for term in row.get("terms", []) if term not in title.lower()]
    return f"{title}: {', '.join(terms[attempt - 1 : attempt + 2]) or f'variant {attempt}'}"


def finalizes_at_once() -> Model:
    return lambda request: says(FINALIZE)  # noqa: ARG005


def never_finalizes() -> Model:
    return lambda request: says(OVERVIEW)  # noqa: ARG005


def labels_all(request: Request) -> Says:
    """Label every cluster that the overview in the request names, each with a title of its own."""
    return says(bulk(label(row["cluster_id"], title_of(row["cluster_id"])) for row in request.results()[0]))


def title_of(cluster: int) -> str:
    """A title that no other cluster gets."""
    names = ("kettles", "toasters", "lamps", "chairs", "tables", "clocks", "radios", "bicycles", "carpets")
    return f"Returns of {names[cluster % len(names)]} {'again ' * (cluster // len(names))}".strip()
