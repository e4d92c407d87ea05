"""Grafana's dashboards without Grafana: their shape, and every panel's SQL on a store with known counts."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from pipeline.palette import CLASS_COLORS
from pipeline.sink.store import EmbeddedStore
from tests.dashboard import town
from tests.grafana import ALL, expanded
from tests.test_deploy import COMPOSE, DEPLOY, SERVICES

GRAFANA = DEPLOY / "grafana"
BOARDS: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted((GRAFANA / "dashboards").glob("*.json"))
}
PANELS = [(name, panel) for name, board in BOARDS.items() for panel in board["panels"]]
IDS = [f"{name}-{panel['id']}" for name, panel in PANELS]
PROVISIONED = yaml.safe_load((GRAFANA / "provisioning" / "datasources" / "simpang.yaml").read_text())["datasources"]

FROM_S, TO_S = town.local_s("2026-06-03 06:00"), town.local_s("2026-06-03 18:00")
HOLE_S = (town.local_s("2026-06-03 12:30"), town.local_s("2026-06-03 13:30"))
CHOSEN = {"camera": town.SUDIRMAN, "district": "Kuaro", "class": "car,truck", "width": "counts_15m"}
EVERYTHING = {"camera": town.SUDIRMAN, "district": ALL, "class": ALL, "width": "counts_1h"}

COLUMNS = {
    "city": [
        ["vehicles"],
        ["motorcycles_percent"],
        ["observed_percent"],
        ["silent"],
        ["time", "camera", "flow"],
        ["camera", "name", "district", "vehicles", "smp", "observed_percent", "bins_not_complete"],
        ["class", "vehicles"],
        ["camera", "vehicles", "week_before", "change_percent", "bins_compared"],
    ],
    "junction": [
        ["time", "class", "vehicles"],
        ["time", "observed_percent"],
        ["from_line", "to_line", "motorcycle", "car", "bus", "truck", "bicycle", "vehicles", "smp"],
        ["class", "vehicles"],
        ["time", "approach", "smp_per_hour"],
        ["day", "hour_start", "vehicles", "smp", "phf"],
        ["line", "direction", "vehicles", "observed_percent"],
        ["bin_start", "trust", "missing_s"],
    ],
    "camera-health": [
        ["uptime_percent"],
        ["dropped_percent"],
        ["fps"],
        ["last_seen"],
        ["time", "observed_percent"],
        ["time", "analysed", "received"],
        ["time", "dropped_percent"],
        ["reason", "minutes", "missing_s"],
        ["day", "observed_percent", "dropped_percent", "fps", "minutes_disturbed"],
        ["camera", "name", "district", "last_seen", "last_reason"],
    ],
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    """A working day with an hour nobody observed, and the same day a week before, when somebody did."""
    with EmbeddedStore(tmp_path_factory.mktemp("grafana") / "store") as opened:
        for ago_s in (7 * 86400, 0):
            town.build(opened, FROM_S - ago_s, TO_S - ago_s, scale=0.3)
        yield opened


def rows(store: EmbeddedStore, board: str, number: int, variables: dict[str, str]) -> list[dict[str, Any]]:
    (target,) = BOARDS[board]["panels"][number - 1]["targets"]
    return store.query(expanded(target["rawSql"], variables, FROM_S, TO_S)).to_pylist()  # type: ignore[no-any-return]


@pytest.mark.parametrize("variables", [CHOSEN, EVERYTHING], ids=["chosen", "everything"])
@pytest.mark.parametrize(("name", "panel"), PANELS, ids=IDS)
def test_every_panel_has_rows_with_the_columns_it_draws(
    store: EmbeddedStore, name: str, panel: dict[str, Any], variables: dict[str, str]
) -> None:
    (target,) = panel["targets"]
    answer = store.query(expanded(target["rawSql"], variables, FROM_S, TO_S))
    assert answer.column_names == COLUMNS[name][panel["id"] - 1]
    assert answer.num_rows
    # A column of nothing but NULL would be drawn as nothing.
    for column in answer.column_names:
        if column not in ("bus", "bicycle", "truck"):
            assert answer[column].null_count < answer.num_rows, column


def test_a_bin_that_nobody_observed_is_a_gap_and_never_zero(store: EmbeddedStore) -> None:
    for board, number, value in (("city", 5, "flow"), ("junction", 1, "vehicles"), ("junction", 5, "smp_per_hour")):
        found = rows(store, board, number, CHOSEN | {"district": ALL, "class": ALL})
        inside = [row for row in found if HOLE_S[0] <= row["time"].timestamp() < HOLE_S[1]]
        assert inside
        assert {row[value] for row in inside} == {None}
        assert None not in {row[value] for row in found if row["time"].timestamp() < HOLE_S[0]}
        (panel,) = [panel for panel in BOARDS[board]["panels"] if panel["id"] == number]
        assert panel["fieldConfig"]["defaults"]["custom"]["spanNulls"] is False


def test_the_observed_share_of_an_hour_nobody_looked_at_is_zero(store: EmbeddedStore) -> None:
    shares = {row["time"].timestamp(): row["observed_percent"] for row in rows(store, "camera-health", 5, CHOSEN)}
    assert len(shares) == 12
    assert shares[town.local_s("2026-06-03 11:00")] == pytest.approx(100)
    assert shares[town.local_s("2026-06-03 12:00")] == pytest.approx(50)
    assert rows(store, "camera-health", 1, CHOSEN)[0]["uptime_percent"] == pytest.approx(100 * 11 / 12)


def test_the_city_counts_each_vehicle_once_where_it_enters(store: EmbeddedStore) -> None:
    entered = store.query(
        "SELECT count() AS n FROM counted_movements WHERE camera = {camera:String} AND entered_at >= {from_s:UInt32} "
        "AND entered_at < {to_s:UInt32}",
        {"camera": town.KUARO, "from_s": FROM_S, "to_s": TO_S},
    ).to_pylist()[0]["n"]
    assert rows(store, "city", 1, CHOSEN)[0]["vehicles"] == entered > 100
    assert sum(row["vehicles"] for row in rows(store, "city", 7, CHOSEN)) == entered
    everywhere = {row["camera"]: row["vehicles"] for row in rows(store, "city", 6, EVERYTHING)}
    assert everywhere[town.KUARO] == entered
    assert rows(store, "city", 1, EVERYTHING)[0]["vehicles"] == sum(everywhere.values())


@pytest.mark.parametrize("name", BOARDS)
def test_a_dashboard_has_the_shape_that_grafana_reads(name: str) -> None:
    board = BOARDS[name]
    assert board["schemaVersion"] >= 39
    assert board["title"]
    assert board["timezone"] == "Asia/Makassar"
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) == len(COLUMNS[name])
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        assert panel["title"]
        assert panel["description"]
        for target in panel["targets"]:
            assert target["editorType"] == "sql"
            series = panel["type"] == "timeseries"
            assert (target["queryType"], target["format"]) == (("timeseries", 0) if series else ("table", 1))
    for one, other in itertools.combinations((panel["gridPos"] for panel in panels), 2):
        apart_x = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        apart_y = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert apart_x or apart_y


def test_dashboards_have_names_of_their_own_and_link_to_each_other() -> None:
    uids = {board["uid"] for board in BOARDS.values()}
    assert len(uids) == len(BOARDS) == 3
    text = json.dumps(BOARDS)
    linked = {part.split("?")[0] for part in text.split('"/d/')[1:]}
    assert linked
    assert linked <= uids


@pytest.mark.parametrize("name", BOARDS)
def test_every_source_of_data_is_the_one_that_is_provisioned(name: str) -> None:
    (source,) = PROVISIONED
    known = {"type": source["type"], "uid": source["uid"]}
    board = BOARDS[name]
    asked = [panel["datasource"] for panel in board["panels"]]
    asked += [target["datasource"] for panel in board["panels"] for target in panel["targets"]]
    asked += [variable["datasource"] for variable in board["templating"]["list"] if variable["type"] == "query"]
    assert all(source == known for source in asked)


@pytest.mark.parametrize("name", BOARDS)
def test_a_dashboard_offers_the_variables_its_panels_use(store: EmbeddedStore, name: str) -> None:
    offered = {variable["name"]: variable for variable in BOARDS[name]["templating"]["list"]}
    panels = json.dumps(BOARDS[name]["panels"])
    used = {variable for variable in CHOSEN if f"${{{variable}:" in panels}
    assert used == set(offered)
    for variable in offered.values():
        if variable["type"] == "query":
            # The first column is the value, a second what people see.
            values = store.query(variable["query"]["rawSql"]).column(0).to_pylist()
            assert CHOSEN[variable["name"]] in values
        else:
            assert set(CHOSEN[variable["name"]].split(",")) <= {option["value"] for option in variable["options"]}


def test_classes_have_the_colours_of_every_other_picture() -> None:
    drawn = json.dumps(BOARDS["junction"])
    for vehicle_class, colour in CLASS_COLORS.items():
        assert vehicle_class in drawn
        assert colour in drawn


def test_grafana_is_given_what_it_reads_and_no_password_is_written_down() -> None:
    (source,) = PROVISIONED
    grafana = SERVICES["grafana"]
    mounted = dict(mount.split(":")[:2][::-1] for mount in grafana["volumes"])
    (provider,) = yaml.safe_load((GRAFANA / "provisioning" / "dashboards" / "simpang.yaml").read_text())["providers"]
    assert (DEPLOY / mounted[provider["options"]["path"]]).resolve() == GRAFANA / "dashboards"
    assert (DEPLOY / mounted["/etc/grafana/provisioning"]).resolve() == GRAFANA / "provisioning"
    assert f"{source['type']}@" in grafana["environment"]["GF_PLUGINS_PREINSTALL_SYNC"]
    secret = source["secureJsonData"]["password"].removeprefix("$__file{/run/secrets/").removesuffix("}")
    assert secret in grafana["secrets"]
    assert secret in SERVICES["clickhouse"]["secrets"]
    assert secret in COMPOSE["secrets"]
    assert grafana["environment"][source["jsonData"]["host"].removeprefix("$")] in SERVICES


def test_grafana_reads_as_the_account_that_only_reads() -> None:
    (source,) = PROVISIONED
    accounts = (DEPLOY / "clickhouse" / "accounts.sql").read_text()
    user = source["jsonData"]["username"]
    assert f"GRANT SELECT ON simpang.* TO {user};" in accounts
    # The plugin sets the limit of each query five seconds above its own, and the account must let it.
    limit = re.search(r"max_execution_time = \d+ MIN 1 MAX (\d+) CHANGEABLE_IN_READONLY", accounts)
    assert limit is not None
    assert int(source["jsonData"]["queryTimeout"]) + 5 <= int(limit[1])
    script = (DEPLOY / "clickhouse" / "accounts.sh").read_text()
    assert f"ALTER USER {user} " in script
