"""Defaults, limits and names; those that PostHog has too are named as there."""

from datetime import timedelta
from typing import Final

WORKFLOW_NAME: Final = "llma-trace-clustering"
COORDINATOR_WORKFLOW_NAME: Final = "llma-trace-clustering-coordinator"

# Which traces are clustered
ALLOWED_TEAM_IDS: Final = [1, 2, 112495]
DEFAULT_FIRST_DAY: Final = "2023-01-01"  # public data sets of conversations begin in that year
DEFAULT_LOOKBACK_DAYS: Final = 7
MAX_LOOKBACK_DAYS: Final = 3660  # files that people explore span years
DEFAULT_MAX_SAMPLES: Final = 1000
MAX_SAMPLES: Final = 100_000
MIN_TRACES_FOR_CLUSTERING: Final = 20
# Share of a window's traces that may be left out because they have no usable vector.
MAX_UNUSABLE_SHARE: Final = 0.1
LLMA_TRACE_PRODUCT: Final = "llm-analytics"
LLMA_TRACE_DOCUMENT_TYPE: Final = "llm-trace-summary-detailed"
LLMA_TRACE_DOCUMENT_TYPE_LEGACY: Final = "llm-trace-summary"
LLMA_TRACE_RENDERING_LEGACY: Final = "llma_trace_detailed"
# Renderings that name a summary mode; any other rendering is the id of the batch run that made the row.
SUMMARY_MODE_RENDERINGS: Final = ("detailed", "minimal", "llma_trace_detailed", "llma_trace_minimal")

# The events that filters look at. They precede the summary of their trace, so they are read from this long
# before the window on.
TRACE_EVENT_NAMES: Final = (
    "$ai_span",
    "$ai_generation",
    "$ai_embedding",
    "$ai_metric",
    "$ai_feedback",
    "$ai_trace",
)
TRACE_FILTER_MARGIN: Final = timedelta(days=7)

# Loading files. A batch is in memory several times: as records, as rows, and as the block that is sent.
MAX_BATCH_RECORDS: Final = 1000
MAX_BATCH_BYTES: Final = 16 * 1024**2
MAX_RECORD_BYTES: Final = 32 * 1024**2
# A record that is too long is left out. To find its end, at most this much is read.
MAX_SKIPPED_BYTES: Final = 1024**3
# The parts of traces are kept in memory up to this size together, and beyond it in temporary files.
MAX_GROUPING_BYTES: Final = 64 * 1024**2
# A longer text of a record is no property to filter by.
MAX_PROPERTY_LENGTH: Final = 200
# A larger trace is left out.
MAX_TRACE_BYTES: Final = 128 * 1024**2
MAX_STDIN_BYTES: Final = 8 * 1024**3
MAX_PARTS: Final = 10_000
# Traces shrink to a fifth, equal bytes to a thousandth.
MAX_GZIP_RATIO: Final = 100
# The engine's own parser and Python's stop at about 1,000.
MAX_JSON_DEPTH: Final = 600
# A Parquet file is first read in another process that has this much memory and time.
MAX_PARQUET_BYTES: Final = 1024**3
MAX_PARQUET_SECONDS: Final = 600

# Reading tables of other programs. A trace that goes on for longer than this is read without its beginning.
MAX_SOURCE_TRACE_AGE: Final = timedelta(days=30)
# A span of OpenTelemetry is of an LLM application if an attribute begins with one of these.
LLM_ATTRIBUTE_PREFIXES: Final = (
    *("gen_ai.", "llm.", "openinference.", "traceloop.", "ai.", "langfuse.", "mlflow.", "lk.", "input.value"),
)

# Ingesting traces. A batch is read, summarized and embedded before the next one is.
INGESTION_STATEMENT_TIMEOUT: Final = 120.0

# How traces are clustered
DEFAULT_RANDOM_STATE: Final = 42
# Two months: what comes back with the next monthly or quarterly close is the same topic.
DEFAULT_KEEP_TOPICS_DAYS: Final = 60
MAX_KEEP_TOPICS_DAYS: Final = 366
DEFAULT_EMBEDDING_NORMALIZATION: Final = "l2"
DEFAULT_DIMENSIONALITY_REDUCTION_METHOD: Final = "umap"
DEFAULT_UMAP_N_COMPONENTS: Final = 100
DEFAULT_UMAP_N_NEIGHBORS: Final = 15
DEFAULT_UMAP_MIN_DIST: Final = 0.0
# With fewer points, a point has at most one neighbour, and UMAP has no graph to lay out.
MIN_POINTS_FOR_UMAP: Final = 3
# Layouts of the clustering space. Layouts x traces is at most MAX_ENSEMBLE_POINTS, to limit the time for many
# traces, but at least MIN_ENSEMBLE_LAYOUTS are made.
DEFAULT_ENSEMBLE_SIZE: Final = 10
MAX_ENSEMBLE_SIZE: Final = 20
MAX_ENSEMBLE_POINTS: Final = 100_000
MIN_ENSEMBLE_LAYOUTS: Final = 4
ENSEMBLE_UMAP_EPOCHS: Final = 150
# Stability counts how many of a trace's nearest neighbours are in its cluster. With fewer than 15 neighbours,
# random clumps would score too.
MIN_STABILITY_NEIGHBORS: Final = 15
MAX_STABILITY_NEIGHBORS: Final = 50
DEFAULT_CLUSTERING_METHOD: Final = "hdbscan"
DEFAULT_MIN_CLUSTER_SIZE_FRACTION: Final = 0.01
MIN_CLUSTER_SIZE: Final = 5
# The smallest cluster may be asked for whatever the number of traces is.
MIN_CLUSTER_SIZE_FRACTION_MIN: Final = MIN_CLUSTER_SIZE / MAX_SAMPLES
MIN_CLUSTER_SIZE_FRACTION_MAX: Final = 0.5
DEFAULT_HDBSCAN_MIN_SAMPLES: Final = 5
# A clustering is collapsed if it has fewer clusters, or if one cluster holds this share of all traces.
DEGENERATE_MIN_CLUSTERS: Final = 3
DEGENERATE_DOMINANT_CLUSTER_FRACTION: Final = 0.7
DEFAULT_MAX_CLUSTER_SIZE_FRACTION: Final = 0.5
# So many clusters can be read as one list; more of them are grouped on two levels. Groups that there are stay
# while a few clusters come and go.
MAX_CLUSTERS_WITHOUT_LEVELS: Final = 12
MIN_CLUSTERS_TO_KEEP_LEVELS: Final = 10
DEFAULT_MIN_K: Final = 2
DEFAULT_MAX_K: Final = 10
NOISE_CLUSTER_ID: Final = -1
DEFAULT_VISUALIZATION_METHOD: Final = "umap"
MAP_UMAP_MIN_DIST: Final = 0.1
# UMAP's default for few points is 500 steps; the map looks the same after 200.
MAP_UMAP_EPOCHS: Final = 200

# How texts become vectors, where an endpoint is asked for them
EMBEDDING_MODEL: Final = "text-embedding-3-small"

# How an agent labels clusters
LABELING_AGENT_MODEL: Final = "gpt-5.1"
LABELING_AGENT_MAX_ITERATIONS: Final = 50
LABELING_AGENT_RECURSION_LIMIT: Final = 150
LABELING_AGENT_TIMEOUT: Final = 600.0
# Time that the step has beside the agent: it reads summaries and finds terms.
LABELING_STEP_MARGIN: Final = 120.0

# Time limits of steps, in seconds
COMPUTE_ACTIVITY_TIMEOUT: Final = 120.0
# Added for each trace beyond DEFAULT_MAX_SAMPLES.
COMPUTE_SECONDS_PER_FURTHER_TRACE: Final = 0.012
LLM_ACTIVITY_TIMEOUT: Final = 600.0
EMIT_ACTIVITY_TIMEOUT: Final = 60.0

# What is written to ClickHouse
EVENT_NAME: Final = "$ai_trace_clusters"
SUMMARY_EVENT_NAME: Final = "$ai_trace_summary"
GENERATION_EVENT_NAME: Final = "$ai_generation"
TRACE_EVENT_NAME: Final = "$ai_trace"
NOISE_TITLE: Final = "Outliers"
