-- What the numbers mean and where they come from. The newest registration of a key is the one that is read.

CREATE TABLE IF NOT EXISTS cameras_stored
(
    camera        LowCardinality(String),
    name          String,
    district      LowCardinality(String),
    timezone      LowCardinality(String),
    -- The zone's distance from UTC. Local days need one number per camera: zones with daylight-saving are refused.
    utc_offset_s  Int32,
    -- Which coefficients turn this camera's counts into SMP.
    facility      LowCardinality(String),
    pcu_version   LowCardinality(String),
    registered_at DateTime64(9, 'UTC')
)
ENGINE = ReplacingMergeTree(registered_at)
ORDER BY camera;

-- A line belongs to the run that counted on it: a later run may have drawn it elsewhere, or not at all.
CREATE TABLE IF NOT EXISTS lines_stored
(
    camera        LowCardinality(String),
    run           LowCardinality(String),
    line          LowCardinality(String),
    start_x       Float64,
    start_y       Float64,
    end_x         Float64,
    end_y         Float64,
    role          LowCardinality(String),
    approach      LowCardinality(Nullable(String)),
    registered_at DateTime64(9, 'UTC')
)
ENGINE = ReplacingMergeTree(registered_at)
ORDER BY (camera, run, line);

CREATE TABLE IF NOT EXISTS runs_stored
(
    camera          LowCardinality(String),
    run             String,
    revision        UInt32,
    source          String,
    model           LowCardinality(String),
    model_digest    LowCardinality(String),
    device          LowCardinality(String),
    program_version LowCardinality(String),
    footage_from    Nullable(DateTime64(9, 'UTC')),
    footage_to      Nullable(DateTime64(9, 'UTC')),
    registered_at   DateTime64(9, 'UTC')
)
ENGINE = ReplacingMergeTree(registered_at)
ORDER BY (camera, run);

-- Filled from pcu_coefficients.csv. Versions are added, never changed, so that history can be recomputed.
CREATE TABLE IF NOT EXISTS pcu_coefficients_stored
(
    version    LowCardinality(String),
    facility   LowCardinality(String),
    class      LowCardinality(String),
    pkji_class LowCardinality(String),
    emp        Float64,
    source     String
)
ENGINE = ReplacingMergeTree
ORDER BY (version, facility, class);

CREATE OR REPLACE VIEW cameras AS SELECT * FROM cameras_stored FINAL;

CREATE OR REPLACE VIEW lines AS SELECT * FROM lines_stored FINAL;

CREATE OR REPLACE VIEW runs AS SELECT * FROM runs_stored FINAL;

CREATE OR REPLACE VIEW pcu_coefficients AS SELECT * FROM pcu_coefficients_stored FINAL;
