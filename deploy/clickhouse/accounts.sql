-- Two accounts beside the administrator's. Run it once, as an administrator, on the server that holds the store, after
-- `simpang db migrate`; it can be run again. The store's database is taken to be `simpang`. Give each its password then:
--     ALTER USER simpang_loader IDENTIFIED WITH sha256_password BY '...'
--
-- On a cluster, add ON CLUSTER '{cluster}' after each name.

CREATE SETTINGS PROFILE IF NOT EXISTS simpang_reading
SETTINGS
    readonly = 1,
    -- Grafana's plugin sets it for each query, and may ask for less.
    max_execution_time = 60 MIN 1 MAX 60 CHANGEABLE_IN_READONLY,
    max_memory_usage = 4000000000,
    max_threads = 2;

-- Analysts, dashboards and `simpang query`: read everything, write nothing, and stop after a minute.
CREATE USER IF NOT EXISTS simpang_analyst IDENTIFIED WITH no_password HOST LOCAL SETTINGS PROFILE simpang_reading;

GRANT SELECT ON simpang.* TO simpang_analyst;

-- The loader inserts and rebuilds; it changes no schema and deletes nothing. `simpang db migrate` is the
-- administrator's. The views it reads are the rebuild's and those that decide which revision a replay has.
CREATE USER IF NOT EXISTS simpang_loader IDENTIFIED WITH no_password HOST LOCAL;

GRANT SELECT, INSERT ON simpang.* TO simpang_loader;
