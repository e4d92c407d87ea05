-- Volumes, SMP and peak hours of a junction. Replaces 0006's choice of coefficients and the views of 0007.

-- A camera's coefficients. The cameras are those of the tallies, which stay when events expire: from coverage, a camera
-- whose minutes were all older lost its SMP with them.
CREATE OR REPLACE VIEW camera_coefficients AS
SELECT k.camera AS camera, p.version AS version, p.facility AS facility, p.class AS class, p.emp AS emp
FROM
(
    SELECT
        s.camera AS camera,
        if(z.camera = '', 'PKJI 2023', z.pcu_version) AS version,
        if(z.camera = '', 'signalised_protected', z.facility) AS facility
    FROM (SELECT camera FROM tallies_stored GROUP BY camera) AS s
    LEFT JOIN cameras_stored AS z FINAL ON s.camera = z.camera
) AS k
INNER JOIN pcu_coefficients_stored AS p FINAL ON k.version = p.version AND k.facility = p.facility;

-- Vehicles of a junction, each once, in vehicles of every class: those that cross an entry line forward, as movements
-- begin; where no line of the bin is an entry line, every line in both directions. Of a line's role the newest word
-- holds, so that one that was wrong at first counts no vehicle twice. A bin is complete when all of these lines are.
CREATE OR REPLACE VIEW camera_volumes_15m AS
SELECT
    v.camera AS camera,
    v.bin_start AS bin_start,
    if(z.camera = '', 28800, z.utc_offset_s) AS offset_s,
    toDate(toDateTime(toUnixTimestamp(v.bin_start) + offset_s, 'UTC')) AS day,
    v.vehicles AS vehicles,
    v.smp AS smp,
    v.complete AS complete
FROM
(
    SELECT
        c.camera AS camera,
        c.bin_start AS bin_start,
        max(l.role = 'entry') AS has_entries,
        ifNull(if(has_entries, sumIf(c.count, l.role = 'entry' AND c.direction = 'forward'), sum(c.count)), 0) AS vehicles,
        ifNull(
            if(has_entries, sumIf(c.count * p.emp, l.role = 'entry' AND c.direction = 'forward'), sum(c.count * p.emp)),
            0) AS smp,
        if(has_entries, minIf(c.status = 'complete', l.role = 'entry'), min(c.status = 'complete')) AS complete
    FROM counts_15m AS c
    LEFT JOIN camera_coefficients AS p ON c.camera = p.camera AND c.class = p.class
    LEFT JOIN
    (
        SELECT camera, line, argMax(role, registered_at) AS role FROM lines_stored GROUP BY camera, line
    ) AS l ON c.camera = l.camera AND c.line = l.line
    GROUP BY camera, bin_start
) AS v
LEFT JOIN cameras_stored AS z FINAL ON v.camera = z.camera;

-- The peak hour of each camera and local day: the highest four consecutive complete 15-minute bins of the day, the
-- earliest of equals. phf (FJS) = V60 / (4 * V15max), NULL where nothing came.
CREATE OR REPLACE VIEW peak_hours AS
SELECT
    camera,
    day,
    toDateTime64(peak.1, 0, 'UTC') AS hour_start,
    peak.2 AS vehicles,
    peak.3 AS smp,
    peak.4 AS phf
FROM
(
    SELECT
        camera,
        day,
        -- the highest volume first, of equals the earliest
        argMin((w.start, w.vehicles, w.smp, w.phf), (-toInt64(w.vehicles), w.start)) AS peak
    FROM
    (
        SELECT
            camera,
            day,
            bin_start,
            min(v.bin_start) OVER hour AS start,
            sum(v.vehicles) OVER hour AS vehicles,
            sum(v.smp) OVER hour AS smp,
            if(max(v.vehicles) OVER hour = 0, NULL, vehicles / (4 * max(v.vehicles) OVER hour)) AS phf,
            count() OVER hour AS bins,
            min(v.complete) OVER hour AS whole
        FROM camera_volumes_15m AS v
        WINDOW hour AS (PARTITION BY camera, day ORDER BY bin_start ROWS BETWEEN 3 PRECEDING AND CURRENT ROW)
    ) AS w
    WHERE w.bins = 4 AND w.whole AND toUnixTimestamp(w.bin_start) - toUnixTimestamp(w.start) = 2700
    GROUP BY camera, day
);
