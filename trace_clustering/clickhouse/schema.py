"""Creates the tables: two as PostHog has them on one node, and two of this project's own.

PostHog's have the same columns, keys and engines, but no time to live, because a backfill of an old window
needs its rows. Ours hold what a run found, in as many versions as it was made; the event of the run names the
version that counts.
"""

CREATE_EVENTS = """
CREATE TABLE IF NOT EXISTS {events:Identifier} (
    uuid UUID,
    event String,
    properties String CODEC(ZSTD(3)),
    timestamp DateTime64(6, 'UTC'),
    team_id Int64,
    distinct_id String,
    elements_chain String,
    created_at DateTime64(6, 'UTC'),
    person_id UUID,
    person_created_at DateTime64(3),
    person_properties String CODEC(ZSTD(3)),
    group0_properties String CODEC(ZSTD(3)),
    group1_properties String CODEC(ZSTD(3)),
    group2_properties String CODEC(ZSTD(3)),
    group3_properties String CODEC(ZSTD(3)),
    group4_properties String CODEC(ZSTD(3)),
    group0_created_at DateTime64(3),
    group1_created_at DateTime64(3),
    group2_created_at DateTime64(3),
    group3_created_at DateTime64(3),
    group4_created_at DateTime64(3),
    person_mode Enum8('full' = 0, 'propertyless' = 1, 'force_upgrade' = 2),
    _timestamp DateTime DEFAULT now(),
    _offset UInt64,
    inserted_at Nullable(DateTime64(6, 'UTC')) DEFAULT now64(6)
)
ENGINE = ReplacingMergeTree(_timestamp)
PARTITION BY toYYYYMM(timestamp)
ORDER BY (team_id, toDate(timestamp), event, cityHash64(distinct_id), cityHash64(uuid))
SAMPLE BY cityHash64(distinct_id)
"""

CREATE_DOCUMENT_EMBEDDINGS = """
CREATE TABLE IF NOT EXISTS {embeddings:Identifier} (
    team_id Int64,
    product LowCardinality(String),
    document_type LowCardinality(String),
    model_name LowCardinality(String),
    rendering LowCardinality(String),
    document_id String,
    timestamp DateTime64(3, 'UTC'),
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3),
    content String DEFAULT '',
    embedding Array(Float64),
    _timestamp DateTime DEFAULT now(),
    _offset UInt64,
    _partition UInt64
)
ENGINE = ReplacingMergeTree(inserted_at)
PARTITION BY toMonday(timestamp)
ORDER BY (team_id, toDate(timestamp), product, document_type, model_name, rendering, cityHash64(document_id))
SETTINGS index_granularity = 512
"""

# A run's clusters. `members` are the sampled traces of the cluster; cluster -1 is noise, without a centroid.
CREATE_CENTROIDS = """
CREATE TABLE IF NOT EXISTS {{centroids:Identifier}} (
    team_id Int64,
    run_id String,
    run_label LowCardinality(String),
    window_start DateTime64(3, 'UTC'),
    window_end DateTime64(3, 'UTC'),
    version Int64,
    model_name LowCardinality(String),
    cluster_id Int32,
    topic_id String,
    centroid Array(Float32) CODEC(ZSTD(1)),
    radius Float32,
    size UInt64,
    members Array(String) CODEC(ZSTD(1)),
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(inserted_at)
PARTITION BY toYYYYMM(inserted_at)
ORDER BY (team_id, run_label, window_end, run_id, version, cluster_id)
TTL toDateTime(inserted_at) + INTERVAL {retention_days:d} DAY
SETTINGS index_granularity = 512
"""

# Every trace of a run's window, in its cluster or in none (-1). A week is dropped as a whole once it is over.
CREATE_ASSIGNMENTS = """
CREATE TABLE IF NOT EXISTS {{assignments:Identifier}} (
    team_id Int64,
    run_id String,
    version Int64,
    cluster_id Int32,
    topic_id LowCardinality(String),
    trace_id String CODEC(ZSTD(1)),
    timestamp DateTime64(3, 'UTC'),
    similarity Float32,
    in_sample UInt8,
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(inserted_at)
PARTITION BY toMonday(inserted_at)
ORDER BY (team_id, run_id, version, cluster_id, trace_id)
TTL toDateTime(inserted_at) + INTERVAL {retention_days:d} DAY
SETTINGS ttl_only_drop_parts = 1
"""
