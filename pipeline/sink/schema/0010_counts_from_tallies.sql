-- The count views over the tallies. What they mean is as in 0004: see there for `count`, `status` and which bins are
-- listed. Days come from tallies that are summed before anything is listed.

CREATE OR REPLACE VIEW tallies AS
SELECT kind, camera, bin, line, to_line, observed_us, lossy, head, tail, n
FROM tallies_stored FINAL
ARRAY JOIN line, to_line, observed_us, lossy, head, tail, n;

-- The count views, one plan each: through one view for all widths a question about a day took longer to plan than to
-- answer. The engine sees through CAST, and not through toDateTime64: a question about a day reads that day. The rule for
-- `status` and the order of the cells stand once, as functions of this migration: the engine writes them out into the
-- views, so nothing of them stays.

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
    CAST(bin AS DateTime64(0, 'UTC')) AS bin_start,
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
    CAST(hour AS DateTime64(0, 'UTC')) AS bin_start,
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
    CAST(day AS DateTime64(0, 'UTC')) AS bin_start,
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
    CAST(bin AS DateTime64(0, 'UTC')) AS bin_start,
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
