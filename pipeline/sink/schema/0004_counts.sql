-- Counts per line. Every line that a run counted on has a row for each direction, class and bin from the run's first
-- minute to its last, and for the bins between two runs up to 31 days apart: `count` is NULL where nothing was observed.
--
--   missed       nothing was observed: count is NULL
--   complete     at least 98 % of the bin was observed
--   interrupted  less, and the observation has a hole: a minute that was damaged, dropped or cut by a gap, or more than
--                2 % missing between the bin's first observed minute and its last
--   partial      less, without a hole: the footage began or ended in the bin
--
-- A line is observed in a minute when a winning run of that minute counts on it. Where a replay was made with other
-- lines, a line it left out is therefore missed, not zero.

CREATE OR REPLACE VIEW counters AS
SELECT direction, class
FROM (SELECT arrayJoin(['forward', 'backward']) AS direction) AS d
CROSS JOIN (SELECT arrayJoin(['motorcycle', 'car', 'bus', 'truck', 'bicycle']) AS class) AS c;

CREATE OR REPLACE VIEW run_lines AS
SELECT camera, run, line
FROM
(
    SELECT camera, run, line FROM lines_stored GROUP BY camera, run, line
    UNION ALL
    SELECT camera, run, line FROM crossings_stored GROUP BY camera, run, line
)
GROUP BY camera, run, line;

CREATE OR REPLACE VIEW line_minutes AS
SELECT camera, line, minute, least(sum(observed_us), 60000000) AS observed_us, max(lossy) AS lossy
FROM winning_coverage AS w
INNER JOIN run_lines AS l ON w.camera = l.camera AND w.run = l.run
GROUP BY w.camera AS camera, l.line AS line, w.minute AS minute
HAVING observed_us > 0;

-- Bins to list, observed or not. A run is listed from where the runs before it reached, unless that is too long ago.
CREATE OR REPLACE VIEW line_bins AS
SELECT camera, line, toDateTime(listed, 'UTC') AS bin
FROM
(
    SELECT
        camera,
        line,
        if(runs_before = 0 OR first_bin > reached + 31 * 86400, first_bin, reached + 900) AS start,
        range(start, last_bin + 900, 900) AS run_bins
    FROM
    (
        SELECT
            e.camera AS camera,
            l.line AS line,
            toUInt64(toUnixTimestamp(toStartOfFifteenMinutes(e.first_minute))) AS first_bin,
            toUInt64(toUnixTimestamp(toStartOfFifteenMinutes(e.last_minute))) AS last_bin,
            count() OVER earlier AS runs_before,
            max(last_bin) OVER earlier AS reached
        FROM
        (
            SELECT camera, run, min(minute) AS first_minute, max(minute) AS last_minute
            FROM coverage_stored
            GROUP BY camera, run
        ) AS e
        INNER JOIN run_lines AS l ON e.camera = l.camera AND e.run = l.run
        WINDOW earlier AS
        (
            PARTITION BY e.camera, l.line ORDER BY e.first_minute, e.last_minute, e.run
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        )
    )
)
ARRAY JOIN run_bins AS listed;

-- One row per counter and quarter of an hour, in a form that can be merged into wider bins: `first` and `last` are the
-- first and the last observed minute with the microseconds observed of each.
CREATE OR REPLACE VIEW line_tallies AS
SELECT
    camera,
    line,
    direction,
    class,
    bin,
    sum(t.n) AS n,
    sum(t.observed_us) AS observed_us,
    max(t.lossy) AS lossy,
    min(t.head) AS head,
    max(t.tail) AS tail
FROM
(
    SELECT camera, line, direction, class, bin, toUInt64(0) AS n, observed_us, lossy, head, tail
    FROM
    (
        SELECT
            camera,
            line,
            bin,
            toUInt64(0) AS observed_us,
            toUInt8(0) AS lossy,
            (toUInt32(4294967295), toUInt64(0)) AS head,
            (toUInt32(0), toUInt64(0)) AS tail
        FROM line_bins
        UNION ALL
        SELECT
            camera,
            line,
            toStartOfFifteenMinutes(m.minute) AS bin,
            sum(m.observed_us) AS observed_us,
            max(m.lossy) AS lossy,
            min((toUnixTimestamp(m.minute), m.observed_us)) AS head,
            max((toUnixTimestamp(m.minute), m.observed_us)) AS tail
        FROM line_minutes AS m
        GROUP BY camera, line, bin
    ) AS o
    CROSS JOIN counters AS k
    UNION ALL
    SELECT
        camera,
        line,
        direction,
        class,
        toStartOfFifteenMinutes(minute) AS bin,
        count() AS n,
        toUInt64(0) AS observed_us,
        toUInt8(0) AS lossy,
        (toUInt32(4294967295), toUInt64(0)) AS head,
        (toUInt32(0), toUInt64(0)) AS tail
    FROM counted_crossings
    GROUP BY camera, line, direction, class, bin
) AS t
GROUP BY camera, line, direction, class, bin;

CREATE OR REPLACE VIEW counts_15m AS
SELECT
    camera,
    line,
    direction,
    class,
    toDateTime64(bin, 0, 'UTC') AS bin_start,
    if(observed_us = 0, NULL, n) AS count,
    observed_us / 1e6 AS observed_s,
    multiIf(
        observed_us = 0, 'missed',
        observed_us >= 0.98 * 900e6, 'complete',
        lossy OR (tail.1 > head.1 + 60 AND observed_us - head.2 - tail.2 < 0.98e6 * (tail.1 - head.1 - 60)),
            'interrupted',
        'partial') AS status
FROM line_tallies;

CREATE OR REPLACE VIEW counts_1h AS
SELECT
    camera,
    line,
    direction,
    class,
    toDateTime64(hour, 0, 'UTC') AS bin_start,
    if(observed_us = 0, NULL, n) AS count,
    observed_us / 1e6 AS observed_s,
    multiIf(
        observed_us = 0, 'missed',
        observed_us >= 0.98 * 3600e6, 'complete',
        lossy OR (tail.1 > head.1 + 60 AND observed_us - head.2 - tail.2 < 0.98e6 * (tail.1 - head.1 - 60)),
            'interrupted',
        'partial') AS status
FROM
(
    SELECT
        camera,
        line,
        direction,
        class,
        toStartOfHour(t.bin) AS hour,
        sum(t.n) AS n,
        sum(t.observed_us) AS observed_us,
        max(t.lossy) AS lossy,
        min(t.head) AS head,
        max(t.tail) AS tail
    FROM line_tallies AS t
    GROUP BY camera, line, direction, class, hour
);

-- Days are local days of the camera; `bin_start` is the UTC instant of local midnight. Cameras that nobody registered
-- are taken to be in Asia/Makassar (UTC+8).
CREATE OR REPLACE VIEW counts_1d AS
SELECT
    camera,
    line,
    direction,
    class,
    toDateTime64(day, 0, 'UTC') AS bin_start,
    if(observed_us = 0, NULL, n) AS count,
    observed_us / 1e6 AS observed_s,
    multiIf(
        observed_us = 0, 'missed',
        observed_us >= 0.98 * 86400e6, 'complete',
        lossy OR (tail.1 > head.1 + 60 AND observed_us - head.2 - tail.2 < 0.98e6 * (tail.1 - head.1 - 60)),
            'interrupted',
        'partial') AS status
FROM
(
    SELECT
        t.camera AS camera,
        line,
        direction,
        class,
        if(z.camera = '', 28800, z.utc_offset_s) AS offset_s,
        toDateTime(intDiv(toUnixTimestamp(t.bin) + offset_s, 86400) * 86400 - offset_s, 'UTC') AS day,
        sum(t.n) AS n,
        sum(t.observed_us) AS observed_us,
        max(t.lossy) AS lossy,
        min(t.head) AS head,
        max(t.tail) AS tail
    FROM line_tallies AS t
    LEFT JOIN cameras_stored AS z FINAL ON t.camera = z.camera
    GROUP BY camera, line, direction, class, offset_s, day
);
