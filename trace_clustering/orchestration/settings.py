"""What one run can be told: a single validated model that every asset shares."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Self, cast

import dagster as dg
from pydantic import BaseModel, ConfigDict, Field, ModelWrapValidatorHandler, ValidationError, model_validator

from trace_clustering import constants
from trace_clustering.algorithms.map import VisualizationMethod
from trace_clustering.algorithms.steps import ClusteringMethod, Normalization, ReductionMethod
from trace_clustering.errors import InvalidSettingsError, explain_validation
from trace_clustering.orchestration.declaration import describe_fields, setting
from trace_clustering.posthog.filters import PropertyFilter, parse_filters

_RANGE_OF_MIN_K: Final = (2, 50)
_RANGE_OF_MAX_K: Final = (2, 100)


class HDBSCANParams(BaseModel):
    """What `clustering_method_params` may hold for HDBSCAN."""

    model_config = ConfigDict(extra="forbid", strict=True)

    min_cluster_size_fraction: float = Field(
        default=constants.DEFAULT_MIN_CLUSTER_SIZE_FRACTION,
        ge=constants.MIN_CLUSTER_SIZE_FRACTION_MIN,
        le=constants.MIN_CLUSTER_SIZE_FRACTION_MAX,
        description="smallest cluster as a share of all traces, but five traces at least",
    )
    min_samples: int = Field(
        default=constants.DEFAULT_HDBSCAN_MIN_SAMPLES,
        ge=1,
        le=100,
        description="close neighbours that make a trace part of a dense region",
    )


class KMeansParams(BaseModel):
    """What `clustering_method_params` may hold for k-means; what it leaves out comes from the settings."""

    model_config = ConfigDict(extra="forbid", strict=True)

    min_k: int = Field(ge=_RANGE_OF_MIN_K[0], le=_RANGE_OF_MIN_K[1])
    max_k: int = Field(ge=_RANGE_OF_MAX_K[0], le=_RANGE_OF_MAX_K[1])

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

    lookback_days: int = setting(
        "Days in the window, which ends with the day of the partition.",
        stages=["embeddings"],
        default=constants.DEFAULT_LOOKBACK_DAYS,
        ge=1,
        le=90,
    )
    max_samples: int = setting(
        "Most traces to cluster; of more, a fixed random sample.",
        stages=["embeddings"],
        reported=True,
        default=constants.DEFAULT_MAX_SAMPLES,
        ge=constants.MIN_TRACES_FOR_CLUSTERING,
        le=constants.MAX_SAMPLES,
    )
    document_type: str = setting(
        "Which embedded documents to read. The default also reads the older `llm-trace-summary` of rendering "
        "`llma_trace_detailed`.",
        stages=["embeddings"],
        default=constants.LLMA_TRACE_DOCUMENT_TYPE,
        min_length=1,
    )
    rendering: str = setting(
        "Only documents of this rendering; empty: of any.", stages=["embeddings"], default=""
    )
    embedding_model: str = setting(
        "Only embeddings of this model; empty: of any.", stages=["embeddings"], default=""
    )
    trace_filters: list[Any] = setting(
        "Only traces with an event that satisfies all these property filters, as PostHog writes them: "
        "[{key, value, operator, type}].",
        stages=["embeddings"],
        reported=True,
        default=[],
    )
    run_label: str = setting(
        "Appended to the run id, to keep an experiment beside the nightly run: at most 50 letters, digits, "
        "_ . -",
        stages=["embeddings"],
        default="",
        max_length=50,
        pattern=r"^[A-Za-z0-9_.-]*$",
    )
    embedding_normalization: Normalization = setting(
        "What is done to each embedding first: l2, to unit length; or none.",
        stages=["reduced_embeddings"],
        reported=True,
        default=constants.DEFAULT_EMBEDDING_NORMALIZATION,
    )
    dimensionality_reduction_method: ReductionMethod = setting(
        "How the clustering space is made: umap, pca, or none to cluster the embeddings themselves.",
        stages=["reduced_embeddings"],
        reported=True,
        default=constants.DEFAULT_DIMENSIONALITY_REDUCTION_METHOD,
    )
    dimensionality_reduction_ndims: int = setting(
        "Dimensions of the clustering space by umap or pca; fewer if there are few traces.",
        stages=["reduced_embeddings"],
        reported=True,
        default=constants.DEFAULT_UMAP_N_COMPONENTS,
        ge=2,
        le=500,
    )
    ensemble_size: int = setting(
        "How many layouts by umap share these dimensions. hdbscan clusters each, and what they agree on "
        "counts. No effect on other methods.",
        stages=["reduced_embeddings"],
        default=constants.DEFAULT_ENSEMBLE_SIZE,
        ge=1,
        le=constants.MAX_ENSEMBLE_SIZE,
    )
    clustering_method: ClusteringMethod = setting(
        "How groups are found: hdbscan, by density, what belongs nowhere is noise; or kmeans, without noise.",
        stages=["cluster_assignments"],
        reported=True,
        default=constants.DEFAULT_CLUSTERING_METHOD,
    )
    clustering_method_params: dict[str, Any] = setting(
        f"For hdbscan: {describe_fields(HDBSCANParams)}. For kmeans: min_k and max_k, which go before those "
        "below.",
        stages=["cluster_assignments"],
        reported=True,
        default={},
    )
    min_k: int = setting(
        "Fewest clusters that kmeans tries.",
        default=constants.DEFAULT_MIN_K,
        ge=_RANGE_OF_MIN_K[0],
        le=_RANGE_OF_MIN_K[1],
    )
    max_k: int = setting(
        "Most clusters that kmeans tries; the best mean silhouette decides.",
        default=constants.DEFAULT_MAX_K,
        ge=_RANGE_OF_MAX_K[0],
        le=_RANGE_OF_MAX_K[1],
    )
    visualization_method: VisualizationMethod = setting(
        "How the map is drawn: umap, pca or tsne.",
        stages=["projection_2d"],
        reported=True,
        default=constants.DEFAULT_VISUALIZATION_METHOD,
    )
    random_state: int = setting(
        "Seed of everything random: the sample, the clustering space, kmeans, the map.",
        stages=["embeddings", "reduced_embeddings", "cluster_assignments", "projection_2d"],
        default=constants.DEFAULT_RANDOM_STATE,
        ge=0,
        le=2**32 - 1,
    )
    max_traces_per_cluster: int = setting(
        "Most traces that the event lists of a cluster, half from rank 0 on and half from the last rank "
        "back; 0: all.",
        stages=["emitted_cluster_event"],
        reported="if_set",
        default=0,
        ge=0,
        le=constants.MAX_SAMPLES,
    )
    compute_timeout_seconds: float | None = setting(
        "Time limit of each step that reads or computes. By default 120 s, and 12 s more for every 1,000 "
        "traces beyond the first 1,000. It changes no result.",
        default=None,
        ge=1,
        le=86_400,
    )

    @model_validator(mode="wrap")
    @classmethod
    def _explain(cls, values: Any, validate: ModelWrapValidatorHandler[Self]) -> Self:  # noqa: ANN401
        with _name_faults("", cls, "a run"):
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
        with _name_faults("clustering_method_params.", model, self.clustering_method):
            return model.model_validate(params)

    def used_ensemble_size(self) -> int:
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
        """Return the settings that take effect in one asset, as they are used, ready for JSON."""
        used = {name: getattr(self, name) for name in _names(lambda extra: asset in extra["stages"])}
        if "ensemble_size" in used:
            used["ensemble_size"] = self.used_ensemble_size()
        if "clustering_method_params" in used:
            used["clustering_method_params"] = self.method_params().model_dump()
        return used


def select_reported(settings: dict[str, Any]) -> dict[str, Any]:
    """Return those of the settings that made a clustering which the event reports."""
    reported = {name: settings[name] for name in _names(lambda extra: extra["reported"] is True)}
    if_set = _names(lambda extra: extra["reported"] == "if_set")
    return reported | {name: settings[name] for name in if_set if settings[name]}


def _names(is_wanted: Callable[[dict[str, Any]], bool]) -> list[str]:
    """Return the names of the settings whose declaration is wanted."""
    return [
        name
        for name, declared in ClusteringSettings.model_fields.items()
        if is_wanted(cast("dict[str, Any]", declared.json_schema_extra))
    ]


def default_compute_timeout(traces: int) -> float:
    """Return the time limit, in seconds, of a step that deals with so many traces, unless a run sets one."""
    further = max(traces - constants.DEFAULT_MAX_SAMPLES, 0)
    return constants.COMPUTE_ACTIVITY_TIMEOUT + further * constants.COMPUTE_SECONDS_PER_FURTHER_TRACE


@contextmanager
def _name_faults(prefix: str, model: type[BaseModel], owner: str) -> Iterator[None]:
    """Turn what pydantic finds wrong into one sentence with the name and value of each setting."""
    try:
        yield
    except ValidationError as error:
        unknown = f"{owner} has no such setting, only {', '.join(model.model_fields)}"
        reasons = explain_validation(error, prefix=prefix, unknown=unknown)
        raise InvalidSettingsError(f"settings: {reasons}") from None
