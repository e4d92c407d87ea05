-- The count views over the tallies. What they mean is as in 0004: see there for `count`, `status` and which bins are
-- listed. Days come from tallies that are summed before anything is listed.

-- From when to when a counter is listed: its runs, and the bins between two of them up to 31 days apart.
CREATE OR REPLACE VIEW counter_spans AS
SELECT
    if(to_line = '', 'line', 'turn') AS kind,
    camera,
    line,
    to_line,
    min(first_bin) AS from_bin,
    max(last_bin) AS to_bin
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

-- Counters of a bin that are listed and of which nothing is known.
CREATE OR REPLACE VIEW missed_counters AS
SELECT kind, camera, bin, counter.1 AS line, counter.2 AS to_line
FROM
(
    SELECT
        l.kind AS kind,
        l.camera AS camera,
        l.bin AS bin,
        arrayFilter(
            s -> s.3 <= toUnixTimestamp(l.bin) AND toUnixTimestamp(l.bin) <= s.4
                AND NOT has(t.known, (s.1, s.2)), l.spans) AS missed
    FROM
    (
        SELECT kind, camera, spans, toDateTime(arrayJoin(bins), 'UTC') AS bin
        FROM
        (
            SELECT
                kind,
                camera,
                groupArray((line, to_line, from_bin, to_bin)) AS spans,
                range(min(from_bin), max(to_bin) + 900, 900) AS bins
            FROM counter_spans
            GROUP BY kind, camera
        )
    ) AS l
    LEFT JOIN
    (
        SELECT toString(kind) AS kind, camera, bin, arrayZip(line, to_line) AS known
        FROM tallies_stored FINAL
    ) AS t
    ON l.kind = t.kind AND l.camera = t.camera AND l.bin = t.bin
)
ARRAY JOIN missed AS counter;

CREATE OR REPLACE VIEW tallies AS
SELECT
    toString(kind) AS kind,
    camera,
    bin,
    line,
    to_line,
    observed_us,
    lossy,
    head,
    tail,
    n
FROM tallies_stored FINAL
ARRAY JOIN line, to_line, observed_us, lossy, head, tail, n
UNION ALL
SELECT
    kind,
    camera,
    bin,
    line,
    to_line,
    toUInt64(0) AS observed_us,
    toUInt8(0) AS lossy,
    (toUInt32(4294967295), toUInt64(0)) AS head,
    (toUInt32(0), toUInt64(0)) AS tail,
    emptyArrayUInt64() AS n
FROM missed_counters;

-- The count views, one plan each: through one view for all widths a question about a day took longer to plan than to
-- answer. The rule for `status` and the order of the cells stand once, as functions of this migration: the engine writes
-- them out into the views, so nothing of them stays.

CREATE OR REPLACE FUNCTION simpang_status AS (observed_us, lossy, head, tail, width_s) -> multiIf(
    observed_us = 0, 'missed',
    observed_us >= 0.98e6 * width_s, 'complete',
    lossy OR (tail.1 > head.1 + 60 AND observed_us - head.2 - tail.2 < 0.98e6 * (tail.1 - head.1 - 60)), 'interrupted',
    'partial');

-- (position in a tally's `n`, direction, class)
CREATE OR REPLACE FUNCTION simpang_cells AS (directions) -> arrayMap(
    (cell, position) -> (position, cell.1, cell.2),
    arrayFlatten(arrayMap(d -> arrayMap(c -> (d, c), ['motorcycle', 'car', 'bus', 'truck', 'bicycle']), directions)),
    range(1, 1 + 5 * length(directions)));

CREATE OR REPLACE VIEW counts_15m AS
SELECT
    camera,
    line,
    cell.2 AS direction,
    cell.3 AS class,
    toDateTime64(bin, 0, 'UTC') AS bin_start,
    if(observed_us = 0, NULL, n[cell.1]) AS count,
    observed_us / 1e6 AS observed_s,
    simpang_status(observed_us, lossy, head, tail, 900) AS status
FROM tallies AS t
CROSS JOIN (SELECT arrayJoin(simpang_cells(['forward', 'backward'])) AS cell) AS k
WHERE t.kind = 'line';

CREATE OR REPLACE VIEW counts_1h AS
SELECT
    camera,
    line,
    cell.2 AS direction,
    cell.3 AS class,
    toDateTime64(hour, 0, 'UTC') AS bin_start,
    if(observed_us = 0, NULL, n[cell.1]) AS count,
    observed_us / 1e6 AS observed_s,
    simpang_status(observed_us, lossy, head, tail, 3600) AS status
FROM
(
    SELECT
        camera,
        line,
        toStartOfHour(t.bin) AS hour,
        sum(t.observed_us) AS observed_us,
        max(t.lossy) AS lossy,
        min(t.head) AS head,
        max(t.tail) AS tail,
        sumForEach(t.n) AS n
    FROM tallies AS t
    WHERE kind = 'line'
    GROUP BY camera, line, hour
) AS t
CROSS JOIN (SELECT arrayJoin(simpang_cells(['forward', 'backward'])) AS cell) AS k;

-- Days are local days of the camera; one that nobody registered is taken to be in Asia/Makassar (UTC+8).
CREATE OR REPLACE VIEW counts_1d AS
SELECT
    camera,
    line,
    cell.2 AS direction,
    cell.3 AS class,
    toDateTime64(day, 0, 'UTC') AS bin_start,
    if(observed_us = 0, NULL, n[cell.1]) AS count,
    observed_us / 1e6 AS observed_s,
    simpang_status(observed_us, lossy, head, tail, 86400) AS status
FROM
(
    SELECT
        t.camera AS camera,
        t.line AS line,
        if(z.camera = '', 28800, z.utc_offset_s) AS offset_s,
        toDateTime(intDiv(toUnixTimestamp(t.bin) + offset_s, 86400) * 86400 - offset_s, 'UTC') AS day,
        sum(t.observed_us) AS observed_us,
        max(t.lossy) AS lossy,
        min(t.head) AS head,
        max(t.tail) AS tail,
        sumForEach(t.n) AS n
    FROM tallies AS t
    LEFT JOIN (SELECT camera, utc_offset_s FROM cameras_stored FINAL) AS z ON t.camera = z.camera
    WHERE t.kind = 'line'
    GROUP BY camera, line, offset_s, day
) AS t
CROSS JOIN (SELECT arrayJoin(simpang_cells(['forward', 'backward'])) AS cell) AS k;

-- A movement belongs to the bin in which it left the junction.
CREATE OR REPLACE VIEW turning_counts_15m AS
SELECT
    camera,
    line AS from_line,
    to_line,
    cell.3 AS class,
    toDateTime64(bin, 0, 'UTC') AS bin_start,
    if(observed_us = 0, NULL, n[cell.1]) AS count,
    observed_us / 1e6 AS observed_s,
    simpang_status(observed_us, lossy, head, tail, 900) AS status
FROM tallies AS t
CROSS JOIN (SELECT arrayJoin(simpang_cells([''])) AS cell) AS k
WHERE t.kind = 'turn';

DROP FUNCTION IF EXISTS simpang_status;

DROP FUNCTION IF EXISTS simpang_cells;

DROP VIEW IF EXISTS counter_bins;

DROP VIEW IF EXISTS counter_keys;

DROP VIEW IF EXISTS counter_minutes;
