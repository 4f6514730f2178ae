"""A topic that goes on keeps its label, until its content is another."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from trace_clustering.labeling.fixed import (
    MIN_SHARE_OF_WORDS,
    find_lasting_labels,
    measure_shared_words,
    share_words,
)
from trace_clustering.labeling.keywords import find_distinguishing_terms
from trace_clustering_tests.labeling.clusterings import clustering
from trace_clustering_tests.labeling.identities import EARLIER_RUN, identities_of

ASSIGNMENTS, _, _ = clustering()
SIZES = ASSIGNMENTS.cluster_sizes()
TERMS = {cluster: ["kettle orders", "refund", "merchant", "shop"] for cluster in SIZES}
TITLES = {0: "Broken kettles", 2: "Tax rates"}


def test_what_goes_on_keeps_its_label_and_what_is_new_has_none() -> None:
    lasting = find_lasting_labels(identities_of(ASSIGNMENTS, TITLES), SIZES, TERMS)
    assert {cluster: kept.label.title for cluster, kept in lasting.items()} == TITLES
    assert {kept.from_run for kept in lasting.values()} == {EARLIER_RUN}
    assert lasting[0].label.description == "- Written before."
    assert lasting[0].terms == tuple(TERMS[0])


@pytest.mark.parametrize(
    ("relation", "shared", "lasts"),
    [
        ("continued", 0, True),  # windows that share no day
        ("back", 0, True),
        ("merged", 5, True),
        ("merged", 4, False),
        ("split", 9, False),
        ("new", 0, False),
    ],
)
def test_the_relation_decides(relation: str, shared: int, lasts: bool) -> None:
    found = identities_of(ASSIGNMENTS, TITLES, relation=relation, shared=shared)
    assert bool(find_lasting_labels(found, SIZES, TERMS)) is lasts


@pytest.mark.parametrize(
    ("terms", "lasts"),
    [
        (("kettles", "order", "late"), True),
        (("kettle", "parcel", "late", "lost"), True),
        (("parcel", "late", "lost", "customs", "kettle"), True),
        (("parcel", "late", "lost", "customs", "missing", "kettle"), False),
        (("parcel", "late"), False),
        ((), True),
    ],
)
def test_content_that_has_changed_needs_a_new_label(terms: tuple[str, ...], lasts: bool) -> None:
    found = identities_of(ASSIGNMENTS, TITLES, terms=terms)
    assert bool(find_lasting_labels(found, SIZES, TERMS)) is lasts


def test_a_label_that_is_kept_again_is_compared_with_the_terms_of_its_first_day() -> None:
    found = identities_of(ASSIGNMENTS, TITLES, terms=("kettle", "parcel"), from_run="1_trace_20250101_000000")
    kept = find_lasting_labels(found, SIZES, TERMS)[0]
    assert (kept.terms, kept.from_run) == (("kettle", "parcel"), "1_trace_20250101_000000")


@pytest.mark.parametrize(("labeler", "lasts"), [("keywords", True), ("fallback", False), ("user", False)])
def test_no_number_of_a_cluster_and_no_title_of_the_file_lasts(labeler: str, lasts: bool) -> None:
    assert (
        bool(find_lasting_labels(identities_of(ASSIGNMENTS, TITLES, labeler=labeler), SIZES, TERMS)) is lasts
    )


def test_a_size_in_the_description_is_that_of_now() -> None:
    text = "- About kettles.\n- 3 of 99 traces\n- 4 of 99 traces (4%) were late"
    kept = find_lasting_labels(identities_of(ASSIGNMENTS, TITLES, description=text), SIZES, TERMS)[0]
    assert kept.label.description.splitlines() == [
        "- About kettles.",
        "- 10 of 44 traces (23%)",
        "- 4 of 99 traces (4%) were late",
    ]


def test_text_of_the_database_is_cleaned() -> None:
    titles = {0: "Kettles\x1b[31m <b>\u202e"}
    kept = find_lasting_labels(
        identities_of(ASSIGNMENTS, titles, description="- a\x07\n\n<i>"), SIZES, TERMS
    )[0]
    assert (kept.label.title, kept.label.description) == ("Kettles 31m", "- a")


def test_terms_of_scripts_without_spaces_are_compared_too() -> None:
    assert share_words(["退款申请", "水壶"], ["退款申请", "订单"])
    assert not share_words(["退款申请", "水壶"], ["密码", "订单"])


@pytest.mark.slow
def test_the_words_of_a_topic_stay_and_those_of_others_are_others(real_data: Path) -> None:
    table = pq.read_table(real_data / "clinc150_23700.parquet", columns=["title", "label"])
    titles, labels = (np.array(table[name].to_pylist(), dtype=object) for name in ("title", "label"))
    intents = [intent for intent in np.unique(labels.astype(str)) if intent != "oos"]
    same, other = [], []
    for seed in range(6):
        random = np.random.default_rng(seed)
        chosen = random.choice(intents, 30, replace=False)
        decks = [random.permutation(titles[labels == intent]) for intent in chosen]
        sizes = random.integers(8, 60, len(chosen))
        then, now = (
            find_distinguishing_terms(
                ["\n".join(deck[start : start + size]) for deck, size in zip(decks, sizes, strict=True)]
            )
            for start in (0, 70)  # of two weeks without a common trace
        )
        shares = np.array([[measure_shared_words(a, b) for b in now] for a in then])
        same += shares.diagonal().tolist()
        other += shares[~np.eye(len(chosen), dtype=bool)].tolist()
    assert np.mean(np.array(same) < MIN_SHARE_OF_WORDS) <= 0.02
    assert np.mean(np.array(other) < MIN_SHARE_OF_WORDS) >= 0.97
