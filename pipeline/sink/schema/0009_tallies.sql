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
    -- vehicles by direction and class, in the order that 0010 lists its cells
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

-- Bins that nobody observed are rebuilt as well, once: they list what is missing. A counter is listed from its first run to
-- its last; when that grows, the bins from `since` to `until` are new in it and are touched, in the same insert.

CREATE TABLE IF NOT EXISTS listed_spans
(
    camera   LowCardinality(String),
    line     LowCardinality(String),
    to_line  LowCardinality(String),
    from_bin DateTime('UTC'),
    to_bin   DateTime('UTC'),
    since    DateTime('UTC'),
    until    DateTime('UTC')
)
ENGINE = ReplacingMergeTree(to_bin)
ORDER BY (camera, line, to_line, from_bin)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS touched_by_spans TO touched_bins AS
SELECT camera, toDateTime(arrayJoin(bins), 'UTC') AS bin, rand64() AS touch, toInt64(1) AS n
FROM
(
    SELECT DISTINCT camera, range(toUnixTimestamp(since), toUnixTimestamp(until) + 900, 900) AS bins
    FROM listed_spans
);

-- From when to when a counter is to be listed: its runs, and the bins between two of them up to 31 days apart.
CREATE OR REPLACE VIEW counter_spans AS
SELECT
    camera,
    line,
    to_line,
    toDateTime(min(first_bin), 'UTC') AS from_bin,
    toDateTime(max(last_bin), 'UTC') AS to_bin
FROM
(
    SELECT
        camera,
        line,
        to_line,
        first_bin,
        last_bin,
        sum(begins) OVER (PARTITION BY camera, line, to_line ORDER BY first_bin, last_bin, run) AS span
    FROM
    (
        SELECT
            e.camera AS camera,
            c.line AS line,
            c.to_line AS to_line,
            e.run AS run,
            toUInt64(toUnixTimestamp(toStartOfFifteenMinutes(e.first_minute))) AS first_bin,
            toUInt64(toUnixTimestamp(toStartOfFifteenMinutes(e.last_minute))) AS last_bin,
            max(last_bin) OVER
            (
                PARTITION BY e.camera, c.line, c.to_line ORDER BY first_bin, last_bin, e.run
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ) AS reached,
            toUInt8(first_bin > reached + 31 * 86400) AS begins
        FROM
        (
            SELECT camera, run, min(minute) AS first_minute, max(minute) AS last_minute
            FROM coverage_stored
            GROUP BY camera, run
        ) AS e
        INNER JOIN run_counters AS c ON e.camera = c.camera AND e.run = c.run
    )
)
GROUP BY camera, line, to_line, span;

-- What the store held before.
INSERT INTO touched_bins
SELECT camera, toStartOfFifteenMinutes(minute) AS bin, rand64() AS touch, toInt64(1) AS n
FROM coverage_stored
GROUP BY camera, bin;

-- The tallies of the bins from `from_s` to `to_s` (their starts, seconds since the epoch), from their events. Of a minute
-- that several winning runs share, each counter has the seconds of the runs that count on it.

CREATE OR REPLACE VIEW rebuilt_tallies AS
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
            o.camera AS camera,
            o.line AS line,
            o.to_line AS to_line,
            o.bin AS bin,
            arraySum(o.us) AS observed_us,
            o.lossy AS lossy,
            arrayMin((m, us) -> if(us = 0, (toUInt32(4294967295), toUInt64(0)), (m, us)), o.minutes, o.us) AS head,
            arrayMax((m, us) -> if(us = 0, (toUInt32(0), toUInt64(0)), (m, us)), o.minutes, o.us) AS tail,
            emptyArrayUInt64() AS n
        FROM
        (
            SELECT
                m.camera AS camera,
                k.line AS line,
                k.to_line AS to_line,
                m.bin AS bin,
                m.minutes AS minutes,
                arrayMap(
                    won -> least(arraySum(d -> if(has(k.runs, d.2), toUInt64(d.3), 0), won), 60000000), m.won) AS us,
                toUInt8(arrayExists(won -> arrayExists(d -> d.4 AND has(k.runs, d.2), won), m.won)) AS lossy
            FROM
            (
                SELECT
                    camera,
                    toStartOfFifteenMinutes(minute) AS bin,
                    groupArray(toUnixTimestamp(minute)) AS minutes,
                    groupArray(arrayFilter(d -> d.1 = revision_won, deliveries)) AS won,
                    arrayDistinct(arrayFlatten(arrayMap(each -> each.2, won))) AS runs
                FROM minute_winners
                WHERE minute >= toDateTime({from_s:UInt32}, 'UTC') AND minute < toDateTime({to_s:UInt32}, 'UTC') + 900
                GROUP BY camera, bin
            ) AS m
            INNER JOIN
            (
                SELECT camera, line, to_line, groupArray(run) AS runs
                FROM run_counters
                WHERE (camera, run) IN
                (
                    SELECT camera, run
                    FROM coverage_stored
                    WHERE minute >= toDateTime({from_s:UInt32}, 'UTC') AND minute < toDateTime({to_s:UInt32}, 'UTC') + 900
                    GROUP BY camera, run
                )
                GROUP BY camera, line, to_line
            ) AS k ON m.camera = k.camera
            WHERE hasAny(m.runs, k.runs)
        ) AS o
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
        WHERE minute >= toDateTime({from_s:UInt32}, 'UTC') AND minute < toDateTime({to_s:UInt32}, 'UTC') + 900
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
        WHERE minute >= toDateTime({from_s:UInt32}, 'UTC') AND minute < toDateTime({to_s:UInt32}, 'UTC') + 900
        GROUP BY camera, line, to_line, bin
        UNION ALL
        SELECT
            b.camera AS camera,
            s.line AS line,
            s.to_line AS to_line,
            b.bin AS bin,
            toUInt64(0) AS observed_us,
            toUInt8(0) AS lossy,
            (toUInt32(4294967295), toUInt64(0)) AS head,
            (toUInt32(0), toUInt64(0)) AS tail,
            emptyArrayUInt64() AS n
        FROM
        (
            SELECT camera, bin
            FROM touched_bins
            WHERE bin >= toDateTime({from_s:UInt32}, 'UTC') AND bin <= toDateTime({to_s:UInt32}, 'UTC')
            GROUP BY camera, bin
        ) AS b
        INNER JOIN (SELECT camera, line, to_line, from_bin, to_bin FROM listed_spans FINAL) AS s ON b.camera = s.camera
        WHERE s.from_bin <= b.bin AND b.bin <= s.to_bin
    ) AS t
    GROUP BY camera, bin, line, to_line
) AS c
GROUP BY kind, camera, bin;
