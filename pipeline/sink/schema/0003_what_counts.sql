-- Which deliveries count. Each view reads base tables through filters on camera and time alone, so that a query for one
-- camera and one day reads only that.
--
-- A replay replaces, it never adds: for one camera and minute the highest revision that covered it wins. A revision has
-- covered a minute when it observed at least nine tenths of what the fullest revision observed of it, so that a replay
-- which begins or ends inside a minute does not blank what was seen in the rest of it. Runs of one revision add up.

CREATE OR REPLACE VIEW minute_winners AS
SELECT
    camera,
    minute,
    -- microseconds observed, by revision
    sumMap(map(revision, toUInt64(observed_us))) AS observed,
    arrayMap(us -> least(us, 60000000), mapValues(observed)) AS capped,
    arrayMax(arrayMap((r, us) -> if(us * 10 >= arrayMax(capped) * 9, r, 0), mapKeys(observed), capped)) AS revision_won,
    groupArray((revision, run, observed_us, reason NOT IN ('', 'edge'))) AS deliveries
FROM coverage_stored FINAL
GROUP BY camera, minute;

CREATE OR REPLACE VIEW winning_coverage AS
SELECT
    camera,
    minute,
    delivery.1 AS revision,
    delivery.2 AS run,
    delivery.3 AS observed_us,
    delivery.4 AS lossy
FROM minute_winners
ARRAY JOIN deliveries AS delivery
WHERE delivery.1 = revision_won;

-- Crossings of a minute without coverage do not count: nobody can say how long was looked.
CREATE OR REPLACE VIEW counted_crossings AS
SELECT
    c.event_id AS event_id,
    c.camera AS camera,
    c.line AS line,
    c.direction AS direction,
    c.class AS class,
    c.captured_at AS captured_at,
    c.minute AS minute,
    c.frame AS frame,
    c.track AS track,
    c.confidence AS confidence,
    c.speed_kmh AS speed_kmh,
    c.revision AS revision,
    c.run AS run
FROM (SELECT *, toStartOfMinute(captured_at) AS minute FROM crossings_stored FINAL) AS c
INNER JOIN (SELECT camera, minute, revision_won FROM minute_winners) AS w
    ON c.camera = w.camera AND c.minute = w.minute AND c.revision = w.revision_won;

-- A movement belongs to the minute in which it left the junction.
CREATE OR REPLACE VIEW counted_movements AS
SELECT
    m.event_id AS event_id,
    m.camera AS camera,
    m.from_line AS from_line,
    m.to_line AS to_line,
    m.class AS class,
    m.entered_at AS entered_at,
    m.exited_at AS exited_at,
    m.minute AS minute,
    m.track AS track,
    m.stitched AS stitched,
    m.revision AS revision,
    m.run AS run
FROM (SELECT *, toStartOfMinute(exited_at) AS minute FROM movements_stored FINAL) AS m
INNER JOIN (SELECT camera, minute, revision_won FROM minute_winners) AS w
    ON m.camera = w.camera AND m.minute = w.minute AND m.revision = w.revision_won;
