-- Events as delivered. Delivery is at least once, so a row may be stored more than once; ReplacingMergeTree keeps one
-- per sorting key, and the views of the plain name (crossings, movements, coverage, incidents) read it with FINAL.
-- An event id is made of what is in its sorting key, so equal ids always meet in one partition. An insert that returned
-- is on the disk (fsync): the outbox forgets the events then.
--
-- Statements end with a semicolon at the end of a line and may be run again: a migration that was cut off is repeated.
-- A released file is frozen; a change is a new file.

CREATE TABLE IF NOT EXISTS crossings_stored
(
    event_id    String CODEC(ZSTD(3)),
    camera      LowCardinality(String),
    line        LowCardinality(String),
    direction   LowCardinality(String),
    class       LowCardinality(String),
    captured_at DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    frame       Int64 CODEC(Delta, ZSTD(1)),
    track       Int64 CODEC(Delta, ZSTD(1)),
    confidence  Float32,
    speed_kmh   Nullable(Float32),
    revision    UInt32,
    run         LowCardinality(String),
    -- which lines a run has counted on, without reading every crossing
    PROJECTION lines_seen (SELECT camera, run, line, count() GROUP BY camera, run, line)
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(captured_at)
ORDER BY (camera, captured_at, event_id)
SETTINGS
    non_replicated_deduplication_window = 1000,
    fsync_after_insert = 1,
    fsync_part_directory = 1,
    deduplicate_merge_projection_mode = 'rebuild';

CREATE TABLE IF NOT EXISTS movements_stored
(
    event_id   String CODEC(ZSTD(3)),
    camera     LowCardinality(String),
    from_line  LowCardinality(String),
    to_line    LowCardinality(String),
    class      LowCardinality(String),
    entered_at DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    exited_at  DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    track      Int64 CODEC(Delta, ZSTD(1)),
    stitched   Bool,
    revision   UInt32,
    run        LowCardinality(String),
    PROJECTION turns_seen (SELECT camera, run, from_line, to_line, count() GROUP BY camera, run, from_line, to_line)
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(exited_at)
ORDER BY (camera, exited_at, event_id)
SETTINGS
    non_replicated_deduplication_window = 1000,
    fsync_after_insert = 1,
    fsync_part_directory = 1,
    deduplicate_merge_projection_mode = 'rebuild';

-- Seconds are kept as whole microseconds: sums of integers do not depend on the order of delivery.
-- Of one minute of one run delivered twice with different content, the one that observed more is kept.
CREATE TABLE IF NOT EXISTS coverage_stored
(
    camera           LowCardinality(String),
    minute           DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    observed_us      UInt32 CODEC(ZSTD(1)),
    frames_seen      UInt32 CODEC(ZSTD(1)),
    frames_processed UInt32 CODEC(ZSTD(1)),
    frames_dropped   UInt32 CODEC(ZSTD(1)),
    reason           LowCardinality(String),
    revision         UInt32 CODEC(ZSTD(1)),
    run              LowCardinality(String),
    -- from when to when a run reaches, without reading every minute
    PROJECTION extent (SELECT camera, run, min(minute), max(minute) GROUP BY camera, run)
)
ENGINE = ReplacingMergeTree(observed_us)
PARTITION BY toYYYYMM(minute)
ORDER BY (camera, minute, revision, run)
SETTINGS
    non_replicated_deduplication_window = 1000,
    fsync_after_insert = 1,
    fsync_part_directory = 1,
    deduplicate_merge_projection_mode = 'rebuild';

CREATE TABLE IF NOT EXISTS incidents_stored
(
    event_id   String CODEC(ZSTD(3)),
    camera     LowCardinality(String),
    kind       LowCardinality(String),
    started_at DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    ended_at   Nullable(DateTime64(9, 'UTC')),
    evidence   String CODEC(ZSTD(3)),
    revision   UInt32,
    run        LowCardinality(String)
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(started_at)
ORDER BY (camera, started_at, event_id)
SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE OR REPLACE VIEW crossings AS SELECT * FROM crossings_stored FINAL;

CREATE OR REPLACE VIEW movements AS SELECT * FROM movements_stored FINAL;

CREATE OR REPLACE VIEW coverage AS
SELECT
    camera,
    CAST(minute AS DateTime64(0, 'UTC')) AS minute,
    observed_us / 1e6 AS observed_s,
    frames_seen,
    frames_processed,
    frames_dropped,
    reason,
    revision,
    run
FROM coverage_stored FINAL;

CREATE OR REPLACE VIEW incidents AS SELECT * FROM incidents_stored FINAL;
