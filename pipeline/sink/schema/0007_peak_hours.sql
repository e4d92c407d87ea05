-- The peak hour of each camera and local day: the highest four consecutive complete 15-minute bins of the day, the
-- earliest of equals. phf (FJS) = V60 / (4 * V15max), in vehicles of every class. Vehicles are counted once per junction
-- where the camera has entry lines: then only those are summed; otherwise every line is. Both directions are.

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
        sum(ifNull(c.count, 0)) AS vehicles,
        sum(ifNull(c.count, 0) * p.emp) AS smp,
        min(c.status = 'complete') AS complete
    FROM counts_15m AS c
    LEFT JOIN camera_coefficients AS p ON c.camera = p.camera AND c.class = p.class
    LEFT JOIN
    (
        SELECT camera, line, max(role = 'entry') AS is_entry FROM lines_stored FINAL GROUP BY camera, line
    ) AS l ON c.camera = l.camera AND c.line = l.line
    LEFT JOIN
    (
        SELECT camera, max(role = 'entry') AS has_entries FROM lines_stored FINAL GROUP BY camera
    ) AS e ON c.camera = e.camera
    WHERE l.is_entry OR NOT e.has_entries
    GROUP BY camera, bin_start
) AS v
LEFT JOIN cameras_stored AS z FINAL ON v.camera = z.camera;

CREATE OR REPLACE VIEW peak_hours AS
SELECT
    camera,
    day,
    -- the highest volume first, of equals the earliest
    argMin((w.start, w.vehicles, w.smp, w.phf), (-toInt64(w.vehicles), w.start)) AS peak,
    toDateTime64(peak.1, 0, 'UTC') AS hour_start,
    peak.2 AS vehicles,
    peak.3 AS smp,
    peak.4 AS phf
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
GROUP BY camera, day;
