"""What one run can be told: a single validated model that every asset shares."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, Self

import dagster as dg
from pydantic import BaseModel, ConfigDict, Field, ModelWrapValidatorHandler, ValidationError, model_validator

from trace_clustering import constants
from trace_clustering.errors import InvalidSettingsError
from trace_clustering.posthog.filters import PropertyFilter, parse_filters


class HDBSCANParams(BaseModel):
    """What `clustering_method_params` may hold for HDBSCAN."""

    model_config = ConfigDict(extra="forbid", strict=True)

    min_cluster_size_fraction: float = Field(
        default=constants.DEFAULT_MIN_CLUSTER_SIZE_FRACTION,
        ge=constants.MIN_CLUSTER_SIZE_FRACTION_MIN,
        le=constants.MIN_CLUSTER_SIZE_FRACTION_MAX,
        description="Smallest cluster as a share of all traces; never fewer than five traces.",
    )
    min_samples: int = Field(
        default=constants.DEFAULT_HDBSCAN_MIN_SAMPLES,
        ge=1,
        le=100,
        description="How many close neighbours make a trace part of a dense region.",
    )


class KMeansParams(BaseModel):
    """What `clustering_method_params` may hold for k-means; what it leaves out comes from the settings."""

    model_config = ConfigDict(extra="forbid", strict=True)

    min_k: int = Field(ge=2, le=50, description="Fewest clusters to try.")
    max_k: int = Field(ge=2, le=100, description="Most clusters to try.")

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.min_k > self.max_k:
            raise InvalidSettingsError(
                f"settings: min_k = {self.min_k} is larger than max_k = {self.max_k}; "
                "lower the one or raise the other"
            )
        return self


class ClusteringSettings(dg.ConfigurableResource[Any]):
    """Settings of a clustering run, the same for all its assets.

    Set them once per run, in the launchpad under `resources: settings: config:`. Each asset records the
    settings that made it, so the event reports what was done and not what is set now.

    Raises
    ------
    InvalidSettingsError
        If a value is unknown or out of bounds, or two of them contradict each other.
    """

    model_config = ConfigDict(extra="forbid")

    lookback_days: int = Field(
        default=constants.DEFAULT_LOOKBACK_DAYS,
        ge=1,
        le=90,
        description="Length of the window that ends with the partition's day, in days (1 to 90).",
    )
    max_samples: int = Field(
        default=constants.DEFAULT_MAX_SAMPLES,
        ge=constants.MIN_TRACES_FOR_CLUSTERING,
        le=constants.MAX_SAMPLES,
        description="Most traces to cluster; of a larger window a fixed random sample (20 to 100000).",
    )
    document_type: str = Field(
        default=constants.LLMA_TRACE_DOCUMENT_TYPE,
        min_length=1,
        description="Which embedded documents to read. The default also reads rows of the older kind.",
    )
    rendering: str = Field(default="", description="Only documents of this rendering; empty: of any.")
    embedding_model: str = Field(default="", description="Only vectors of this model; empty: of any.")
    trace_filters: list[Any] = Field(
        default=[],
        description="Only traces with an event that satisfies all these property filters: "
        "[{key, value, operator, type}], as PostHog writes them.",
    )
    run_label: str = Field(
        default="",
        max_length=50,
        pattern=r"^[A-Za-z0-9_.-]*$",
        description="Appended to the run id, to tell experiments apart; at most 50 letters, digits, _ . -",
    )
    embedding_normalization: Literal["none", "l2"] = Field(
        default=constants.DEFAULT_EMBEDDING_NORMALIZATION,
        description="What is done to each vector first: l2, unit length; or none.",
    )
    dimensionality_reduction_method: Literal["none", "umap", "pca"] = Field(
        default=constants.DEFAULT_DIMENSIONALITY_REDUCTION_METHOD,
        description="How the clustering space is made: umap, pca, or none to cluster the vectors themselves.",
    )
    dimensionality_reduction_ndims: int = Field(
        default=constants.DEFAULT_UMAP_N_COMPONENTS,
        ge=2,
        le=500,
        description="Dimensions of the clustering space (2 to 500) by umap or pca; fewer when there are few "
        "traces.",
    )
    ensemble_size: int = Field(
        default=constants.DEFAULT_ENSEMBLE_SIZE,
        ge=1,
        le=constants.MAX_ENSEMBLE_SIZE,
        description="How many layouts by umap share these dimensions (1 to 20). hdbscan clusters each, and "
        "what they agree on counts. No effect on other methods.",
    )
    clustering_method: Literal["hdbscan", "kmeans"] = Field(
        default=constants.DEFAULT_CLUSTERING_METHOD,
        description="How groups are found: hdbscan, by density and with noise; or kmeans, without noise.",
    )
    clustering_method_params: dict[str, Any] = Field(
        default={},
        description="For hdbscan: min_cluster_size_fraction (0.01 to 0.5, default 0.01) and "
        "min_samples (1 to 100, default 5). For kmeans: min_k and max_k, which go before those below.",
    )
    min_k: int = Field(
        default=constants.DEFAULT_MIN_K,
        ge=2,
        le=50,
        description="Fewest clusters kmeans tries (2 to 50).",
    )
    max_k: int = Field(
        default=constants.DEFAULT_MAX_K,
        ge=2,
        le=100,
        description="Most clusters kmeans tries (2 to 100); the best silhouette decides.",
    )
    visualization_method: Literal["umap", "pca", "tsne"] = Field(
        default=constants.DEFAULT_VISUALIZATION_METHOD,
        description="How the map is drawn: umap, pca or tsne.",
    )
    random_state: int = Field(
        default=constants.DEFAULT_RANDOM_STATE,
        ge=0,
        le=2**32 - 1,
        description="Seed of everything random: the sample, the clustering space, kmeans, the map.",
    )
    max_traces_per_cluster: int = Field(
        default=0,
        ge=0,
        le=constants.MAX_SAMPLES,
        description="Most traces the event lists of a cluster: half from rank 0 on, half from the last rank "
        "back (up to 100000); 0: all.",
    )
    compute_timeout_seconds: float | None = Field(
        default=None,
        ge=1,
        le=86_400,
        description="Time limit of reading the embeddings, and of each computation (1 to 86400). By default "
        "120 s, and 12 s more for every 1,000 traces beyond the first 1,000. Does not change any result.",
    )

    @model_validator(mode="wrap")
    @classmethod
    def _explain(cls, values: Any, validate: ModelWrapValidatorHandler[Self]) -> Self:  # noqa: ANN401
        with _faults_named("", cls, "a run"):
            settings = validate(values)
        KMeansParams(min_k=settings.min_k, max_k=settings.max_k)
        settings.method_params()
        settings.property_filters()
        return settings

    def method_params(self) -> HDBSCANParams | KMeansParams:
        """Return the parameters of the clustering method, with their defaults filled in."""
        params: dict[str, Any] = self.clustering_method_params
        model: type[HDBSCANParams | KMeansParams] = HDBSCANParams
        if self.clustering_method == "kmeans":
            params = {"min_k": self.min_k, "max_k": self.max_k} | params
            model = KMeansParams
        with _faults_named("clustering_method_params.", model, self.clustering_method):
            return model.model_validate(params)

    def wanted_members(self) -> int:
        """Return `ensemble_size` where it has an effect, else 1."""
        methods = (self.dimensionality_reduction_method, self.clustering_method)
        return self.ensemble_size if methods == ("umap", "hdbscan") else 1

    def compute_timeout(self, traces: int) -> float:
        """Return the time limit, in seconds, of a step that deals with so many traces."""
        return self.compute_timeout_seconds or default_compute_timeout(traces)

    def property_filters(self) -> list[PropertyFilter]:
        """Return `trace_filters`, parsed."""
        return parse_filters(self.trace_filters)

    def of_stage(self, asset: str) -> dict[str, Any]:
        """Return the settings that take effect in one asset, as they were used, ready for JSON."""
        used = {name: getattr(self, name) for name in SETTINGS_OF_STAGE[asset]}
        if "ensemble_size" in used:
            used["ensemble_size"] = self.wanted_members()
        if "clustering_method_params" in used:
            used["clustering_method_params"] = self.method_params().model_dump()
        return used


def default_compute_timeout(traces: int) -> float:
    """Return the time limit, in seconds, of a step that deals with so many traces, unless a run sets one."""
    further = max(traces - constants.DEFAULT_MAX_SAMPLES, 0)
    return constants.COMPUTE_ACTIVITY_TIMEOUT + further * constants.COMPUTE_SECONDS_PER_FURTHER_TRACE


# Those that no stage has are not recorded: they do not change what is found.
SETTINGS_OF_STAGE = {
    "embeddings": (
        "lookback_days",
        "max_samples",
        "document_type",
        "rendering",
        "embedding_model",
        "trace_filters",
        "run_label",
        "random_state",
    ),
    "reduced_embeddings": (
        "embedding_normalization",
        "dimensionality_reduction_method",
        "dimensionality_reduction_ndims",
        "ensemble_size",
        "random_state",
    ),
    "cluster_assignments": ("clustering_method", "clustering_method_params", "random_state"),
    "projection_2d": ("visualization_method", "random_state"),
    "emitted_cluster_event": ("max_traces_per_cluster",),
}


@contextmanager
def _faults_named(prefix: str, model: type[BaseModel], owner: str) -> Iterator[None]:
    """Turn what pydantic finds wrong into one sentence with the name and value of each setting."""
    try:
        yield
    except ValidationError as error:
        unknown = f"{owner} has no such setting, only {', '.join(model.model_fields)}"
        faults = [
            f"{prefix}{'.'.join(map(str, fault['loc']))} = {fault['input']!r}: "
            + (unknown if fault["type"] == "extra_forbidden" else fault["msg"])
            for fault in error.errors(include_url=False, include_context=False)
        ]
        raise InvalidSettingsError("settings: " + "; ".join(faults)) from None
