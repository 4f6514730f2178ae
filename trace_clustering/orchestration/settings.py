"""The settings of a run: one validated model that all assets share."""

from typing import Any, Self

from pydantic import (
    ConfigDict,
    ModelWrapValidatorHandler,
    PrivateAttr,
    model_validator,
)

from trace_clustering import constants
from trace_clustering.algorithms.map import VisualizationMethod
from trace_clustering.algorithms.steps import ClusteringMethod, Normalization, ReductionMethod
from trace_clustering.orchestration.alert_settings import AlertSettings
from trace_clustering.orchestration.declaration import (
    describe_fields,
    list_reported_settings,
    list_settings_of_stage,
    list_stages,
    setting,
)
from trace_clustering.orchestration.ingestion_settings import IngestionSettings
from trace_clustering.orchestration.method_params import (
    BOUNDS_OF_MAX_K,
    BOUNDS_OF_MIN_K,
    HDBSCANParams,
    KMeansParams,
    explain_faults,
)
from trace_clustering.orchestration.sample_settings import SampleSettings
from trace_clustering.orchestration.topic_settings import TopicSettings
from trace_clustering.posthog.filters import PropertyFilter, parse_filters


class ClusteringSettings(TopicSettings, SampleSettings, IngestionSettings, AlertSettings):
    """Settings of a clustering run, the same for all its assets.

    Set them once per run, in the launchpad under `resources: settings: config:`. Each asset records the
    settings that made it, so the event reports what was done, even if the settings have changed since.

    Raises
    ------
    InvalidSettingsError
        If a value is unknown or out of bounds, or two of them contradict each other.
    """

    model_config = ConfigDict(extra="forbid")

    _origins: dict[str, str] = PrivateAttr(default_factory=dict)

    lookback_days: int = setting(
        "Days in the window, which ends with the day of the partition.",
        stages=["embeddings"],
        default=constants.DEFAULT_LOOKBACK_DAYS,
        ge=1,
        le=constants.MAX_LOOKBACK_DAYS,
    )
    max_samples: int = setting(
        "Most traces to cluster. If there are more, a random sample of them, the same every time.",
        stages=["embeddings"],
        reported=True,
        default=constants.DEFAULT_MAX_SAMPLES,
        ge=constants.MIN_TRACES_FOR_CLUSTERING,
        le=constants.MAX_SAMPLES,
    )
    document_type: str = setting(
        "Type of the embedded documents to read. The default also reads the older type `llm-trace-summary` "
        "with the rendering `llma_trace_detailed`.",
        stages=["embeddings"],
        default=constants.LLMA_TRACE_DOCUMENT_TYPE,
        min_length=1,
    )
    rendering: str = setting(
        "Read only documents of this rendering. Empty: of any.", stages=["embeddings"], default=""
    )
    embedding_model: str = setting(
        "Read only embeddings of this model. Empty: of any.", stages=["embeddings"], default=""
    )
    job_id: str = setting(
        "Read only documents of this clustering job of PostHog. Empty: of any, and one embedding per trace.",
        stages=["embeddings"],
        reported="if_set",
        default="",
        max_length=200,
    )
    trace_filters: list[Any] = setting(
        "Cluster only traces with an event that satisfies all these property filters, written as in PostHog: "
        "[{key, value, operator, type}].",
        stages=["embeddings"],
        reported=True,
        default=[],
    )
    run_label: str = setting(
        "Appended to the run id and to the names of artifacts, so that an experiment does not replace the "
        "nightly run. At most 50 characters: letters, digits, _ . -",
        stages=["embeddings"],
        default="",
        max_length=50,
        pattern=r"^[A-Za-z0-9_.-]*$",
    )
    embedding_normalization: Normalization = setting(
        "What is done to each embedding first. l2: it is scaled to length 1. none: nothing.",
        stages=["reduced_embeddings"],
        reported=True,
        default=constants.DEFAULT_EMBEDDING_NORMALIZATION,
    )
    dimensionality_reduction_method: ReductionMethod = setting(
        "How dimensions are reduced before clustering: umap, pca, or none (to cluster the embeddings).",
        stages=["reduced_embeddings"],
        reported=True,
        default=constants.DEFAULT_DIMENSIONALITY_REDUCTION_METHOD,
    )
    dimensionality_reduction_ndims: int = setting(
        "Dimensions that umap or pca reduces to; fewer if there are few traces.",
        stages=["reduced_embeddings"],
        reported=True,
        default=constants.DEFAULT_UMAP_N_COMPONENTS,
        ge=2,
        le=500,
    )
    ensemble_size: int = setting(
        "Number of layouts by umap, which share these dimensions. hdbscan clusters each layout by itself, "
        "and the clusters are what most layouts agree on. It has no effect with other methods.",
        stages=["reduced_embeddings"],
        default=constants.DEFAULT_ENSEMBLE_SIZE,
        ge=1,
        le=constants.MAX_ENSEMBLE_SIZE,
    )
    clustering_method: ClusteringMethod = setting(
        "How clusters are found. hdbscan: by density; traces outside dense regions are noise. kmeans: every "
        "trace belongs to a cluster.",
        stages=["cluster_assignments"],
        reported=True,
        default=constants.DEFAULT_CLUSTERING_METHOD,
    )
    clustering_method_params: dict[str, Any] = setting(
        f"For hdbscan: {describe_fields(HDBSCANParams)}. For kmeans: min_k and max_k, which override the "
        "settings of the same name.",
        stages=["cluster_assignments"],
        reported=True,
        default={},
    )
    min_k: int = setting(
        "Fewest clusters that kmeans tries.",
        default=constants.DEFAULT_MIN_K,
        ge=BOUNDS_OF_MIN_K[0],
        le=BOUNDS_OF_MIN_K[1],
    )
    max_k: int = setting(
        "Most clusters that kmeans tries. It keeps the number with the best mean silhouette.",
        default=constants.DEFAULT_MAX_K,
        ge=BOUNDS_OF_MAX_K[0],
        le=BOUNDS_OF_MAX_K[1],
    )
    visualization_method: VisualizationMethod = setting(
        "How the map is drawn: umap, pca or tsne.",
        stages=["projection_2d"],
        reported=True,
        default=constants.DEFAULT_VISUALIZATION_METHOD,
    )
    random_state: int = setting(
        "Seed of everything random: the sample, the reduced dimensions, kmeans and the map.",
        stages=["embeddings", "reduced_embeddings", "cluster_assignments", "projection_2d"],
        default=constants.DEFAULT_RANDOM_STATE,
        ge=0,
        le=2**32 - 1,
    )
    keep_labels: bool = setting(
        "Whether a topic that goes on keeps its title and description, unless its content has changed much. "
        "false: every run names all clusters anew.",
        stages=["cluster_labels"],
        default=True,
    )
    max_traces_per_cluster: int = setting(
        "Most traces that the event lists per cluster: half of them have the lowest ranks, the others the "
        "highest. 0: all.",
        stages=["emitted_cluster_event"],
        reported="if_set",
        default=0,
        ge=0,
        le=constants.MAX_SAMPLES,
    )
    compute_timeout_seconds: float | None = setting(
        f"Time limit, in seconds, of each step that reads embeddings or computes. By default "
        f"{constants.COMPUTE_ACTIVITY_TIMEOUT:g}, and {1000 * constants.COMPUTE_SECONDS_PER_FURTHER_TRACE:g} "
        f"more for every 1,000 traces beyond the first {constants.DEFAULT_MAX_SAMPLES:,}. It changes no "
        "result.",
        default=None,
        ge=1,
        le=86_400,
    )

    @model_validator(mode="wrap")
    @classmethod
    def _validate_and_explain(cls, values: Any, validate: ModelWrapValidatorHandler[Self]) -> Self:  # noqa: ANN401
        with explain_faults("", cls, "a run"):
            settings = validate(values)
        KMeansParams(min_k=settings.min_k, max_k=settings.max_k)
        settings.method_params()
        settings.property_filters()
        settings.redaction_kinds()
        settings.check_alert_kinds()
        return settings

    def with_origins(self, origins: dict[str, str]) -> Self:
        """Return the same settings with a note, by setting, where the value comes from."""
        self._origins.update(origins)
        return self

    def origins_of_stage(self, stage: str) -> dict[str, str]:
        """Return where the settings that an asset uses come from; those with their default are left out."""
        of_others = {
            name
            for name, field in ClusteringSettings.model_fields.items()
            if list_stages(field) and stage not in list_stages(field)
        }
        return {name: origin for name, origin in self._origins.items() if name not in of_others}

    def method_params(self) -> HDBSCANParams | KMeansParams:
        """Return the parameters of the clustering method, with their defaults filled in."""
        params: dict[str, Any] = self.clustering_method_params
        model: type[HDBSCANParams | KMeansParams] = HDBSCANParams
        if self.clustering_method == "kmeans":
            params = {"min_k": self.min_k, "max_k": self.max_k} | params
            model = KMeansParams
        with explain_faults("clustering_method_params.", model, self.clustering_method):
            return model.model_validate(params)

    def used_ensemble_size(self) -> int:
        """Return `ensemble_size` where it has an effect, else 1."""
        methods = (self.dimensionality_reduction_method, self.clustering_method)
        return self.ensemble_size if methods == ("umap", "hdbscan") else 1

    def compute_timeout(self, traces: int) -> float:
        """Return the time limit, in seconds, of a step that works on a number of traces."""
        if self.compute_timeout_seconds is not None:
            return self.compute_timeout_seconds
        further = max(traces - constants.DEFAULT_MAX_SAMPLES, 0)
        return constants.COMPUTE_ACTIVITY_TIMEOUT + further * constants.COMPUTE_SECONDS_PER_FURTHER_TRACE

    def property_filters(self) -> list[PropertyFilter]:
        """Return `trace_filters`, parsed."""
        return parse_filters(self.trace_filters)

    def of_stage(self, stage: str) -> dict[str, Any]:
        """Return the settings that take effect in an asset, as they are used there, ready for JSON.

        Parameters
        ----------
        stage : str
            Name of the asset.
        """
        used = {name: getattr(self, name) for name in list_settings_of_stage(ClusteringSettings, stage)}
        if "ensemble_size" in used:
            used["ensemble_size"] = self.used_ensemble_size()
        if "clustering_method_params" in used:
            used["clustering_method_params"] = self.method_params().model_dump()
        return used


def list_settings_of_several_stages() -> set[str]:
    """Return the names of the settings that more than one asset records, each with a value of its own."""
    return {name for name, field in ClusteringSettings.model_fields.items() if len(list_stages(field)) > 1}


def select_reported(settings: dict[str, Any]) -> dict[str, Any]:
    """Return what the event reports of the recorded settings that made a clustering."""
    always = list_reported_settings(ClusteringSettings, True)
    defaults = ClusteringSettings()
    if_set = [
        name
        for name in list_reported_settings(ClusteringSettings, "if_set")
        # Artifacts that are older than a setting do not record it.
        if name in settings and settings[name] != getattr(defaults, name)
    ]
    return {name: settings[name] for name in always + if_set}
