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

DROP VIEW IF EXISTS fresh_tallies;
