-- Crossings and movements by their natural key. An event id is a digest of what tells one event from another, and a
-- digest does not compress: 16 of the 26 bytes of a stored crossing were its id. So the key itself is what is kept and
-- sorted by, and the id is computed where it is asked for. `stated_id` holds the id of an event that came with another
-- one than its digest, and is empty for all that Simpang makes.
--
-- What was stored is carried over. The first two statements are for a migration that was cut off after the drop.

CREATE TABLE IF NOT EXISTS crossings_stored
(
    event_id String, camera String, line String, direction String, class String, captured_at DateTime64(9, 'UTC'),
    frame Int64, track Int64, confidence Float32, speed_kmh Nullable(Float32), revision UInt32, run String
)
ENGINE = ReplacingMergeTree ORDER BY (camera, captured_at, event_id);

CREATE TABLE IF NOT EXISTS movements_stored
(
    event_id String, camera String, from_line String, to_line String, class String, entered_at DateTime64(9, 'UTC'),
    exited_at DateTime64(9, 'UTC'), track Int64, stitched Bool, revision UInt32, run String
)
ENGINE = ReplacingMergeTree ORDER BY (camera, exited_at, event_id);

CREATE TABLE IF NOT EXISTS crossing_events
(
    camera      LowCardinality(String),
    captured_at DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    line        LowCardinality(String) CODEC(ZSTD(1)),
    direction   LowCardinality(String) CODEC(ZSTD(1)),
    track       Int64 CODEC(Delta, ZSTD(1)),
    revision    UInt32 CODEC(ZSTD(1)),
    stated_id   String CODEC(ZSTD(1)),
    class       LowCardinality(String) CODEC(ZSTD(1)),
    frame       Int64 CODEC(Delta, ZSTD(1)),
    -- thousandths: what the detector says beyond them is noise, and noise does not compress
    confidence_permille UInt16 CODEC(T64, ZSTD(1)),
    speed_kmh   Nullable(Float32) CODEC(ZSTD(1)),
    run         LowCardinality(String) CODEC(ZSTD(1)),
    event_id    String ALIAS if(
        stated_id != '',
        stated_id,
        lower(substring(hex(SHA256(concat(
            camera, char(31), line, char(31), direction, char(31), toString(toUnixTimestamp64Nano(captured_at)), char(31),
            toString(track), char(31), toString(revision)))), 1, 32))),
    PROJECTION lines_seen (SELECT camera, run, line, count() GROUP BY camera, run, line)
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(captured_at)
ORDER BY (camera, captured_at, line, direction, track, revision, stated_id)
SETTINGS
    non_replicated_deduplication_window = 1000,
    fsync_after_insert = 1,
    fsync_part_directory = 1,
    deduplicate_merge_projection_mode = 'rebuild';

CREATE TABLE IF NOT EXISTS movement_events
(
    camera     LowCardinality(String),
    exited_at  DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    from_line  LowCardinality(String) CODEC(ZSTD(1)),
    to_line    LowCardinality(String) CODEC(ZSTD(1)),
    entered_at DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    track      Int64 CODEC(Delta, ZSTD(1)),
    revision   UInt32 CODEC(ZSTD(1)),
    stated_id  String CODEC(ZSTD(1)),
    class      LowCardinality(String) CODEC(ZSTD(1)),
    stitched   Bool CODEC(ZSTD(1)),
    run        LowCardinality(String) CODEC(ZSTD(1)),
    event_id   String ALIAS if(
        stated_id != '',
        stated_id,
        lower(substring(hex(SHA256(concat(
            'movement', char(31), camera, char(31), from_line, char(31), to_line, char(31),
            toString(toUnixTimestamp64Nano(entered_at)), char(31), toString(toUnixTimestamp64Nano(exited_at)), char(31),
            toString(track), char(31), toString(revision)))), 1, 32))),
    PROJECTION turns_seen (SELECT camera, run, from_line, to_line, count() GROUP BY camera, run, from_line, to_line)
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(exited_at)
ORDER BY (camera, exited_at, from_line, to_line, entered_at, track, revision, stated_id)
SETTINGS
    non_replicated_deduplication_window = 1000,
    fsync_after_insert = 1,
    fsync_part_directory = 1,
    deduplicate_merge_projection_mode = 'rebuild';

INSERT INTO crossing_events
    (camera, captured_at, line, direction, track, revision, stated_id, class, frame, confidence_permille, speed_kmh, run)
SELECT
    camera,
    captured_at,
    line,
    direction,
    track,
    revision,
    if(event_id = lower(substring(hex(SHA256(concat(
            camera, char(31), line, char(31), direction, char(31), toString(toUnixTimestamp64Nano(captured_at)), char(31),
            toString(track), char(31), toString(revision)))), 1, 32)), '', event_id) AS stated_id,
    class,
    frame,
    toUInt16(round(confidence * 1000)) AS confidence_permille,
    speed_kmh,
    run
FROM crossings_stored FINAL
SETTINGS max_partitions_per_insert_block = 0;

INSERT INTO movement_events
    (camera, exited_at, from_line, to_line, entered_at, track, revision, stated_id, class, stitched, run)
SELECT
    camera,
    exited_at,
    from_line,
    to_line,
    entered_at,
    track,
    revision,
    if(event_id = lower(substring(hex(SHA256(concat(
            'movement', char(31), camera, char(31), from_line, char(31), to_line, char(31),
            toString(toUnixTimestamp64Nano(entered_at)), char(31), toString(toUnixTimestamp64Nano(exited_at)), char(31),
            toString(track), char(31), toString(revision)))), 1, 32)), '', event_id) AS stated_id,
    class,
    stitched,
    run
FROM movements_stored FINAL
SETTINGS max_partitions_per_insert_block = 0;

CREATE OR REPLACE VIEW crossings AS
SELECT
    event_id,
    camera,
    line,
    direction,
    class,
    captured_at,
    frame,
    track,
    toFloat32(confidence_permille / 1000) AS confidence,
    speed_kmh,
    revision,
    run
FROM crossing_events FINAL;

CREATE OR REPLACE VIEW movements AS
SELECT event_id, camera, from_line, to_line, class, entered_at, exited_at, track, stitched, revision, run
FROM movement_events FINAL;

CREATE OR REPLACE VIEW counted_crossings AS
SELECT
    c.event_id AS event_id,
    c.camera AS camera,
    c.line AS line,
    c.direction AS direction,
    c.class AS class,
    c.captured_at AS captured_at,
    c.minute AS minute,
    c.frame AS frame,
    c.track AS track,
    c.confidence AS confidence,
    c.speed_kmh AS speed_kmh,
    c.revision AS revision,
    c.run AS run
FROM (SELECT *, toStartOfMinute(captured_at) AS minute FROM crossings) AS c
INNER JOIN (SELECT camera, minute, revision_won FROM minute_winners) AS w
    ON c.camera = w.camera AND c.minute = w.minute AND c.revision = w.revision_won;

CREATE OR REPLACE VIEW counted_movements AS
SELECT
    m.event_id AS event_id,
    m.camera AS camera,
    m.from_line AS from_line,
    m.to_line AS to_line,
    m.class AS class,
    m.entered_at AS entered_at,
    m.exited_at AS exited_at,
    m.minute AS minute,
    m.track AS track,
    m.stitched AS stitched,
    m.revision AS revision,
    m.run AS run
FROM (SELECT *, toStartOfMinute(exited_at) AS minute FROM movements) AS m
INNER JOIN (SELECT camera, minute, revision_won FROM minute_winners) AS w
    ON m.camera = w.camera AND m.minute = w.minute AND m.revision = w.revision_won;

CREATE OR REPLACE VIEW run_counters AS
SELECT camera, run, line, to_line
FROM
(
    SELECT camera, run, line, '' AS to_line FROM lines_stored GROUP BY camera, run, line
    UNION ALL
    SELECT camera, run, line, '' AS to_line FROM crossing_events GROUP BY camera, run, line
    UNION ALL
    SELECT e.camera AS camera, e.run AS run, e.line AS line, x.line AS to_line
    FROM (SELECT camera, run, line FROM lines_stored FINAL WHERE role = 'entry') AS e
    INNER JOIN (SELECT camera, run, line FROM lines_stored FINAL WHERE role = 'exit') AS x
        ON e.camera = x.camera AND e.run = x.run
    UNION ALL
    SELECT camera, run, from_line AS line, to_line FROM movement_events GROUP BY camera, run, from_line, to_line
)
GROUP BY camera, run, line, to_line;

DROP TABLE IF EXISTS crossings_stored SYNC;

DROP TABLE IF EXISTS movements_stored SYNC;
