-- Counts per line and per turn. Every line that a run counted on has a row for each direction, class and bin from the
-- run's first minute to its last, and for the bins between two runs up to 31 days apart; so has every turn.
--
-- `count` is NULL where nothing was observed, 0 where it was and nothing came. `status` says how far to trust it:
--   missed       nothing was observed
--   complete     at least 98 % of the bin was observed
--   interrupted  less, and with a hole: a minute that was damaged, overloaded or cut by a gap, or more than 2 % missing
--                between the first observed minute of the bin and the last
--   partial      less, without a hole: the footage begins or ends in the bin
--
-- A line is observed in a minute when a winning run of that minute counts on it. After a replay with other lines, a line
-- it left out is therefore missed, not zero. The same holds for a turn, which a run counts on when it has an entry line
-- and an exit line, or has seen it.

-- A counter is a line (to_line is '') or a turn, from `line` to `to_line` (direction is '').
CREATE OR REPLACE VIEW counter_keys AS
SELECT direction, class
FROM (SELECT arrayJoin(['forward', 'backward', '']) AS direction) AS d
CROSS JOIN (SELECT arrayJoin(['motorcycle', 'car', 'bus', 'truck', 'bicycle']) AS class) AS c;

CREATE OR REPLACE VIEW run_counters AS
SELECT camera, run, line, to_line
FROM
(
    SELECT camera, run, line, '' AS to_line FROM lines_stored GROUP BY camera, run, line
    UNION ALL
    SELECT camera, run, line, '' AS to_line FROM crossings_stored GROUP BY camera, run, line
    UNION ALL
    SELECT e.camera AS camera, e.run AS run, e.line AS line, x.line AS to_line
    FROM (SELECT camera, run, line FROM lines_stored FINAL WHERE role = 'entry') AS e
    INNER JOIN (SELECT camera, run, line FROM lines_stored FINAL WHERE role = 'exit') AS x
        ON e.camera = x.camera AND e.run = x.run
    UNION ALL
    SELECT camera, run, from_line AS line, to_line FROM movements_stored GROUP BY camera, run, from_line, to_line
)
GROUP BY camera, run, line, to_line;

CREATE OR REPLACE VIEW counter_minutes AS
SELECT
    w.camera AS camera,
    c.line AS line,
    c.to_line AS to_line,
    w.minute AS minute,
    least(sum(w.observed_us), 60000000) AS observed_us,
    max(w.lossy) AS lossy
FROM winning_coverage AS w
INNER JOIN run_counters AS c ON w.camera = c.camera AND w.run = c.run
GROUP BY camera, line, to_line, minute;

-- Bins to list, observed or not. A run is listed from where the runs before it reached, unless that is too long ago.
CREATE OR REPLACE VIEW counter_bins AS
SELECT camera, line, to_line, toDateTime(listed, 'UTC') AS bin
FROM
(
    SELECT
        camera,
        line,
        to_line,
        if(runs_before = 0 OR first_bin > reached + 31 * 86400, first_bin, reached + 900) AS start,
        range(start, last_bin + 900, 900) AS run_bins
    FROM
    (
        SELECT
            e.camera AS camera,
            c.line AS line,
            c.to_line AS to_line,
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
        INNER JOIN run_counters AS c ON e.camera = c.camera AND e.run = c.run
        WINDOW earlier AS
        (
            PARTITION BY e.camera, c.line, c.to_line ORDER BY e.first_minute, e.last_minute, e.run
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        )
    )
)
ARRAY JOIN run_bins AS listed;

-- One row per counter, direction, class and quarter of an hour, in a form that merges into wider bins: `head` and `tail`
-- are the first and the last observed minute, each with its observed microseconds. It is a union and not a join, so that
-- a filter on the bin reaches every table.
CREATE OR REPLACE VIEW tallies AS
SELECT
    camera,
    line,
    to_line,
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
    SELECT
        o.camera AS camera,
        o.line AS line,
        o.to_line AS to_line,
        k.direction AS direction,
        k.class AS class,
        o.bin AS bin,
        toUInt64(0) AS n,
        o.observed_us AS observed_us,
        o.lossy AS lossy,
        o.head AS head,
        o.tail AS tail
    FROM
    (
        SELECT
            camera,
            line,
            to_line,
            bin,
            toUInt64(0) AS observed_us,
            toUInt8(0) AS lossy,
            (toUInt32(4294967295), toUInt64(0)) AS head,
            (toUInt32(0), toUInt64(0)) AS tail
        FROM counter_bins
        UNION ALL
        SELECT
            camera,
            line,
            to_line,
            toStartOfFifteenMinutes(m.minute) AS bin,
            sum(m.observed_us) AS observed_us,
            max(m.lossy) AS lossy,
            min(if(m.observed_us = 0, (4294967295, 0), (toUnixTimestamp(m.minute), m.observed_us))) AS head,
            max(if(m.observed_us = 0, (0, 0), (toUnixTimestamp(m.minute), m.observed_us))) AS tail
        FROM counter_minutes AS m
        GROUP BY camera, line, to_line, bin
    ) AS o
    CROSS JOIN counter_keys AS k
    WHERE (o.to_line = '') != (k.direction = '')
    UNION ALL
    SELECT
        camera,
        line,
        '' AS to_line,
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
    UNION ALL
    SELECT
        camera,
        from_line AS line,
        to_line,
        '' AS direction,
        class,
        toStartOfFifteenMinutes(minute) AS bin,
        count() AS n,
        toUInt64(0) AS observed_us,
        toUInt8(0) AS lossy,
        (toUInt32(4294967295), toUInt64(0)) AS head,
        (toUInt32(0), toUInt64(0)) AS tail
    FROM counted_movements
    GROUP BY camera, line, to_line, class, bin
) AS t
GROUP BY camera, line, to_line, direction, class, bin;

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
FROM tallies
WHERE to_line = '';

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
        t.camera AS camera,
        t.line AS line,
        t.direction AS direction,
        t.class AS class,
        toStartOfHour(t.bin) AS hour,
        sum(t.n) AS n,
        sum(t.observed_us) AS observed_us,
        max(t.lossy) AS lossy,
        min(t.head) AS head,
        max(t.tail) AS tail
    FROM tallies AS t
    WHERE t.to_line = ''
    GROUP BY camera, line, direction, class, hour
);

-- Days are local days of the camera; `bin_start` is the UTC instant of local midnight. A camera that nobody registered
-- is taken to be in Asia/Makassar (UTC+8).
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
        t.line AS line,
        t.direction AS direction,
        t.class AS class,
        if(z.camera = '', 28800, z.utc_offset_s) AS offset_s,
        toDateTime(intDiv(toUnixTimestamp(t.bin) + offset_s, 86400) * 86400 - offset_s, 'UTC') AS day,
        sum(t.n) AS n,
        sum(t.observed_us) AS observed_us,
        max(t.lossy) AS lossy,
        min(t.head) AS head,
        max(t.tail) AS tail
    FROM tallies AS t
    LEFT JOIN cameras_stored AS z FINAL ON t.camera = z.camera
    WHERE t.to_line = ''
    GROUP BY camera, line, direction, class, offset_s, day
);

-- A movement belongs to the bin in which it left the junction.
CREATE OR REPLACE VIEW turning_counts_15m AS
SELECT
    camera,
    line AS from_line,
    to_line,
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
FROM tallies
WHERE to_line != '';
