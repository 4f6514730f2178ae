"""Creates the two tables as PostHog has them on one node: same columns, keys and engines.

The tables have no time to live, because a backfill of an old window needs its rows.
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
