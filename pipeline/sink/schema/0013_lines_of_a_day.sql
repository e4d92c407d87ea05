-- A line that no run which counts has observed in all of a local day is no line of the junction on that day. It is still
-- listed, as missed, where a replay left it out or named it otherwise; but it kept the day from having a peak hour, also
-- after another replay had put the mistake right. The rest is as in 0012.
CREATE OR REPLACE VIEW camera_volumes_15m AS
SELECT
    camera,
    bin_start,
    any(b.offset_s) AS offset_s,
    day,
    max(b.entry) AS has_entries,
    ifNull(if(has_entries, sumIf(b.entered, b.entry), sum(b.passed)), 0) AS vehicles,
    ifNull(if(has_entries, sumIf(b.entered_smp, b.entry), sum(b.passed_smp)), 0) AS smp,
    if(has_entries, minIf(b.whole, b.entry), min(b.whole)) AS complete
FROM
(
    SELECT
        v.camera AS camera,
        v.bin_start AS bin_start,
        if(z.camera = '', 28800, z.utc_offset_s) AS offset_s,
        toDate(toDateTime(toUnixTimestamp(v.bin_start) + offset_s, 'UTC')) AS day,
        l.role = 'entry' AS entry,
        v.entered AS entered,
        v.passed AS passed,
        v.entered_smp AS entered_smp,
        v.passed_smp AS passed_smp,
        v.whole AS whole,
        max(v.observed_s) OVER (PARTITION BY camera, v.line, day) AS observed_of_day_s
    FROM
    (
        SELECT
            c.camera AS camera,
            c.line AS line,
            c.bin_start AS bin_start,
            sumIf(c.count, c.direction = 'forward') AS entered,
            sum(c.count) AS passed,
            sumIf(c.count * p.emp, c.direction = 'forward') AS entered_smp,
            sum(c.count * p.emp) AS passed_smp,
            min(c.status = 'complete') AS whole,
            max(c.observed_s) AS observed_s
        FROM counts_15m AS c
        LEFT JOIN camera_coefficients AS p ON c.camera = p.camera AND c.class = p.class
        GROUP BY camera, line, bin_start
    ) AS v
    LEFT JOIN
    (
        SELECT camera, line, argMax(role, registered_at) AS role FROM lines_stored GROUP BY camera, line
    ) AS l ON v.camera = l.camera AND v.line = l.line
    LEFT JOIN cameras_stored AS z FINAL ON v.camera = z.camera
) AS b
WHERE b.observed_of_day_s > 0
GROUP BY camera, day, bin_start;

-- Read by nothing since 0010.
DROP VIEW IF EXISTS winning_coverage;
