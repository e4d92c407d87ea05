-- Flows in SMP (satuan mobil penumpang, passenger-car units): n of each class times its emp. A camera's `facility` and
-- `pcu_version` choose the coefficients; one that nobody registered takes signalised_protected of PKJI 2023. Classes
-- without a coefficient (bicycles, KTB) are counted and are not part of SMP.

CREATE OR REPLACE VIEW camera_coefficients AS
SELECT k.camera AS camera, p.version AS version, p.facility AS facility, p.class AS class, p.emp AS emp
FROM
(
    SELECT
        s.camera AS camera,
        if(z.camera = '', 'PKJI 2023', z.pcu_version) AS version,
        if(z.camera = '', 'signalised_protected', z.facility) AS facility
    FROM (SELECT camera FROM coverage_stored GROUP BY camera) AS s
    LEFT JOIN cameras_stored AS z FINAL ON s.camera = z.camera
) AS k
INNER JOIN pcu_coefficients_stored AS p FINAL ON k.version = p.version AND k.facility = p.facility;

-- `smp` is the bin's sum, not an hourly rate; it is NULL where the count is.
CREATE OR REPLACE VIEW pcu_15m AS
SELECT
    c.camera AS camera,
    c.line AS line,
    c.direction AS direction,
    c.bin_start AS bin_start,
    sum(c.count * p.emp) AS smp,
    max(c.observed_s) AS observed_s,
    any(c.status) AS status,
    p.facility AS facility,
    p.version AS version
FROM counts_15m AS c
INNER JOIN camera_coefficients AS p ON c.camera = p.camera AND c.class = p.class
GROUP BY camera, line, direction, bin_start, facility, version;
