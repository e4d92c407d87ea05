-- Tallies: what the count views read, one row per camera, quarter of an hour and kind of counter, rebuilt from the
-- events of the bin whenever one of them arrives. A sum over inserts would count a repeated delivery twice and would not
-- notice that a replay has won a minute; a rebuild reads the events after deduplication and the coverage that decides,
-- so it is right under repeats, late events and replays.
--
-- `touched_bins` says what is to be rebuilt. A materialised view writes a touch (n = 1) with every insert of events; the
-- rebuild reads the touches first, then the events, and takes the touches back (n = -1) when its rows are in. A touch
-- that came in between has another number and stays. A rebuild that is cut off, or done by two loaders at once, is
-- therefore repeated or doubled, never lost; of two rows of one bin the later rebuild's counts.

CREATE TABLE IF NOT EXISTS touched_bins
(
    camera LowCardinality(String),
    bin    DateTime('UTC'),
    touch  UInt64,
    n      Int64
)
ENGINE = SummingMergeTree(n)
ORDER BY (camera, bin, touch)
SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS tallies_stored
(
    -- a counter is a line, or a turn from `line` to `to_line`
    kind        Enum8('line' = 1, 'turn' = 2),
    camera      LowCardinality(String),
    bin         DateTime('UTC') CODEC(Delta, ZSTD(1)),
    -- one element a counter
    line        Array(LowCardinality(String)) CODEC(ZSTD(1)),
    to_line     Array(LowCardinality(String)) CODEC(ZSTD(1)),
    observed_us Array(UInt64) CODEC(ZSTD(1)),
    lossy       Array(UInt8) CODEC(ZSTD(1)),
    -- the first and the last observed minute, each with its observed microseconds
    head        Array(Tuple(UInt32, UInt64)) CODEC(ZSTD(1)),
    tail        Array(Tuple(UInt32, UInt64)) CODEC(ZSTD(1)),
    -- vehicles by direction and class, in the order of `counter_cells`
    n           Array(Array(UInt64)) CODEC(ZSTD(1)),
    version     UInt64 CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(bin)
ORDER BY (kind, camera, bin)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS touched_by_crossings TO touched_bins AS
SELECT camera, toStartOfFifteenMinutes(captured_at) AS bin, rand64() AS touch, toInt64(1) AS n
FROM crossing_events
GROUP BY camera, bin;

CREATE MATERIALIZED VIEW IF NOT EXISTS touched_by_movements TO touched_bins AS
SELECT camera, toStartOfFifteenMinutes(exited_at) AS bin, rand64() AS touch, toInt64(1) AS n
FROM movement_events
GROUP BY camera, bin;

CREATE MATERIALIZED VIEW IF NOT EXISTS touched_by_coverage TO touched_bins AS
SELECT camera, toStartOfFifteenMinutes(minute) AS bin, rand64() AS touch, toInt64(1) AS n
FROM coverage_stored
GROUP BY camera, bin;

-- What the store held before.
INSERT INTO touched_bins
SELECT camera, toStartOfFifteenMinutes(minute) AS bin, rand64() AS touch, toInt64(1) AS n
FROM coverage_stored
GROUP BY camera, bin;

CREATE OR REPLACE VIEW fresh_tallies AS
SELECT
    if(c.to_line = '', 'line', 'turn') AS kind,
    camera,
    bin,
    groupArray(c.line) AS line,
    groupArray(c.to_line) AS to_line,
    groupArray(c.observed_us) AS observed_us,
    groupArray(c.lossy) AS lossy,
    groupArray(c.head) AS head,
    groupArray(c.tail) AS tail,
    groupArray(c.n) AS n
FROM
(
    SELECT
        camera,
        bin,
        line,
        to_line,
        sum(t.observed_us) AS observed_us,
        max(t.lossy) AS lossy,
        min(t.head) AS head,
        max(t.tail) AS tail,
        sumForEach(t.n) AS n
    FROM
    (
        SELECT
            camera,
            line,
            to_line,
            toStartOfFifteenMinutes(m.minute) AS bin,
            sum(m.observed_us) AS observed_us,
            max(m.lossy) AS lossy,
            min(if(m.observed_us = 0, (4294967295, 0), (toUnixTimestamp(m.minute), m.observed_us))) AS head,
            max(if(m.observed_us = 0, (0, 0), (toUnixTimestamp(m.minute), m.observed_us))) AS tail,
            emptyArrayUInt64() AS n
        FROM counter_minutes AS m
        GROUP BY camera, line, to_line, bin
        UNION ALL
        SELECT
            camera,
            line,
            '' AS to_line,
            toStartOfFifteenMinutes(minute) AS bin,
            toUInt64(0) AS observed_us,
            toUInt8(0) AS lossy,
            (toUInt32(4294967295), toUInt64(0)) AS head,
            (toUInt32(0), toUInt64(0)) AS tail,
            [
                countIf(direction = 'forward' AND class = 'motorcycle'),
                countIf(direction = 'forward' AND class = 'car'),
                countIf(direction = 'forward' AND class = 'bus'),
                countIf(direction = 'forward' AND class = 'truck'),
                countIf(direction = 'forward' AND class = 'bicycle'),
                countIf(direction = 'backward' AND class = 'motorcycle'),
                countIf(direction = 'backward' AND class = 'car'),
                countIf(direction = 'backward' AND class = 'bus'),
                countIf(direction = 'backward' AND class = 'truck'),
                countIf(direction = 'backward' AND class = 'bicycle')
            ] AS n
        FROM counted_crossings
        GROUP BY camera, line, bin
        UNION ALL
        SELECT
            camera,
            from_line AS line,
            to_line,
            toStartOfFifteenMinutes(minute) AS bin,
            toUInt64(0) AS observed_us,
            toUInt8(0) AS lossy,
            (toUInt32(4294967295), toUInt64(0)) AS head,
            (toUInt32(0), toUInt64(0)) AS tail,
            [
                countIf(class = 'motorcycle'),
                countIf(class = 'car'),
                countIf(class = 'bus'),
                countIf(class = 'truck'),
                countIf(class = 'bicycle')
            ] AS n
        FROM counted_movements
        GROUP BY camera, line, to_line, bin
    ) AS t
    GROUP BY camera, bin, line, to_line
) AS c
GROUP BY kind, camera, bin;
