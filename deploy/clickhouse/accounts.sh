#!/bin/sh
# Makes the accounts of accounts.sql and gives the analyst's its password, for Grafana and for people. The server's image
# runs it when it first starts; on a server that already has data run it once, and again after a change of the password:
#     docker compose exec clickhouse sh /docker-entrypoint-initdb.d/accounts.sh
set -eu
CLICKHOUSE_USER="${CLICKHOUSE_USER:-simpang}"
CLICKHOUSE_PASSWORD="$(cat /run/secrets/clickhouse_password)"
export CLICKHOUSE_USER CLICKHOUSE_PASSWORD
hash=$(tr -d '\n' < /run/secrets/analyst_password | sha256sum | cut -d' ' -f1)
clickhouse-client --multiquery < /etc/simpang/accounts.sql
# Its other containers are not local to the server; the ports of the compose file are open to this machine alone.
clickhouse-client --query "ALTER USER simpang_analyst IDENTIFIED WITH sha256_hash BY '$hash' HOST ANY"
