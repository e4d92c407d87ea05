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

-- The tallies of the bins from `from_s` to `to_s` (their starts, seconds since the epoch), from their events. Nearly
-- every minute is won by one run: its seconds are summed per run before they are spread over the run's counters, which
-- are many. Minutes that several runs share are summed per counter, since each run may count on other lines.

CREATE OR REPLACE VIEW rebuilt_tallies AS
WITH
    minutes AS
    (
        SELECT
            camera,
            minute,
            toStartOfFifteenMinutes(minute) AS bin,
            arrayFilter(d -> d.1 = revision_won, deliveries) AS won
        FROM minute_winners
        WHERE minute >= toDateTime({from_s:UInt32}, 'UTC') AND minute < toDateTime({to_s:UInt32}, 'UTC') + 900
    ),
    counters AS
    (
        SELECT camera, run, line, to_line
        FROM run_counters
        WHERE (camera, run) IN
        (
            SELECT camera, run
            FROM coverage_stored
            WHERE minute >= toDateTime({from_s:UInt32}, 'UTC') AND minute < toDateTime({to_s:UInt32}, 'UTC') + 900
            GROUP BY camera, run
        )
    )
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
            r.camera AS camera,
            k.line AS line,
            k.to_line AS to_line,
            r.bin AS bin,
            r.observed_us AS observed_us,
            r.lossy AS lossy,
            r.head AS head,
            r.tail AS tail,
            emptyArrayUInt64() AS n
        FROM
        (
            SELECT
                camera,
                bin,
                won[1].2 AS run,
                sum(least(toUInt64(won[1].3), 60000000)) AS observed_us,
                max(toUInt8(won[1].4)) AS lossy,
                min(if(won[1].3 = 0, (4294967295, 0), (toUnixTimestamp(minute), toUInt64(won[1].3)))) AS head,
                max(if(won[1].3 = 0, (0, 0), (toUnixTimestamp(minute), toUInt64(won[1].3)))) AS tail
            FROM minutes
            WHERE length(won) = 1
            GROUP BY camera, bin, run
        ) AS r
        INNER JOIN counters AS k ON r.camera = k.camera AND r.run = k.run
        UNION ALL
        SELECT
            camera,
            line,
            to_line,
            bin,
            sum(s.minute_us) AS observed_us,
            max(s.minute_lossy) AS lossy,
            min(if(s.minute_us = 0, (4294967295, 0), (toUnixTimestamp(s.minute), s.minute_us))) AS head,
            max(if(s.minute_us = 0, (0, 0), (toUnixTimestamp(s.minute), s.minute_us))) AS tail,
            emptyArrayUInt64() AS n
        FROM
        (
            SELECT
                d.camera AS camera,
                k.line AS line,
                k.to_line AS to_line,
                d.bin AS bin,
                d.minute AS minute,
                least(sum(toUInt64(d.delivery.3)), 60000000) AS minute_us,
                max(toUInt8(d.delivery.4)) AS minute_lossy
            FROM
            (
                SELECT camera, bin, minute, delivery.2 AS run, delivery
                FROM minutes
                ARRAY JOIN won AS delivery
                WHERE length(won) > 1
            ) AS d
            INNER JOIN counters AS k ON d.camera = k.camera AND d.run = k.run
            GROUP BY camera, line, to_line, bin, minute
        ) AS s
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
    ) AS t
    GROUP BY camera, bin, line, to_line
) AS c
GROUP BY kind, camera, bin;
