-- The count views over the tallies. What they mean is as in 0004: see there for `count`, `status` and which bins are
-- listed. Days come from tallies that are summed before anything is listed, and the rule for `status` stands once.

CREATE OR REPLACE VIEW counter_cells AS
SELECT
    kind,
    arrayJoin(arrayEnumerate(cells)) AS position,
    cells[position].1 AS direction,
    cells[position].2 AS class
FROM
(
    SELECT
        kind,
        arrayFlatten(arrayMap(
            d -> arrayMap(c -> (d, c), ['motorcycle', 'car', 'bus', 'truck', 'bicycle']), directions)) AS cells
    FROM
    (
        SELECT 'line' AS kind, ['forward', 'backward'] AS directions
        UNION ALL
        SELECT 'turn' AS kind, [''] AS directions
    )
);

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

CREATE OR REPLACE VIEW wide_tallies AS
SELECT 900 AS width_s, kind, camera, bin AS start, line, to_line, observed_us, lossy, head, tail, n
FROM tallies
UNION ALL
SELECT
    3600 AS width_s,
    kind,
    camera,
    toStartOfHour(t.bin) AS start,
    line,
    to_line,
    sum(t.observed_us) AS observed_us,
    max(t.lossy) AS lossy,
    min(t.head) AS head,
    max(t.tail) AS tail,
    sumForEach(t.n) AS n
FROM tallies AS t
GROUP BY kind, camera, start, line, to_line
UNION ALL
-- Days are local days of the camera; one that nobody registered is taken to be in Asia/Makassar (UTC+8).
SELECT
    86400 AS width_s,
    t.kind AS kind,
    t.camera AS camera,
    toDateTime(intDiv(toUnixTimestamp(t.bin) + offset_s, 86400) * 86400 - offset_s, 'UTC') AS start,
    t.line AS line,
    t.to_line AS to_line,
    sum(t.observed_us) AS observed_us,
    max(t.lossy) AS lossy,
    min(t.head) AS head,
    max(t.tail) AS tail,
    sumForEach(t.n) AS n
FROM tallies AS t
LEFT JOIN (SELECT camera, utc_offset_s FROM cameras_stored FINAL) AS z ON t.camera = z.camera
GROUP BY kind, camera, if(z.camera = '', 28800, z.utc_offset_s) AS offset_s, start, line, to_line;

CREATE OR REPLACE VIEW counts_of_width AS
SELECT
    t.width_s AS width_s,
    t.kind AS kind,
    t.camera AS camera,
    t.line AS line,
    t.to_line AS to_line,
    k.direction AS direction,
    k.class AS class,
    toDateTime64(t.start, 0, 'UTC') AS bin_start,
    if(t.observed_us = 0, NULL, t.n[k.position]) AS count,
    t.observed_us / 1e6 AS observed_s,
    multiIf(
        t.observed_us = 0, 'missed',
        t.observed_us >= 0.98e6 * t.width_s, 'complete',
        t.lossy OR (
            t.tail.1 > t.head.1 + 60
            AND t.observed_us - t.head.2 - t.tail.2 < 0.98e6 * (t.tail.1 - t.head.1 - 60)), 'interrupted',
        'partial') AS status
FROM wide_tallies AS t
INNER JOIN counter_cells AS k ON t.kind = k.kind;

CREATE OR REPLACE VIEW counts_15m AS
SELECT camera, line, direction, class, bin_start, count, observed_s, status
FROM counts_of_width WHERE width_s = 900 AND kind = 'line';

CREATE OR REPLACE VIEW counts_1h AS
SELECT camera, line, direction, class, bin_start, count, observed_s, status
FROM counts_of_width WHERE width_s = 3600 AND kind = 'line';

CREATE OR REPLACE VIEW counts_1d AS
SELECT camera, line, direction, class, bin_start, count, observed_s, status
FROM counts_of_width WHERE width_s = 86400 AND kind = 'line';

CREATE OR REPLACE VIEW turning_counts_15m AS
SELECT camera, line AS from_line, to_line, class, bin_start, count, observed_s, status
FROM counts_of_width WHERE width_s = 900 AND kind = 'turn';

DROP VIEW IF EXISTS counter_bins;

DROP VIEW IF EXISTS counter_keys;
