import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import pytest
from tests.support.cron_tables import ZONES_ACCEPTED, ZONES_REFUSED

from sync_operator.schedule.timezones import load_zone, validate_zone

SUMMER = datetime(2026, 7, 1, tzinfo=UTC)


@pytest.mark.parametrize("name", ZONES_ACCEPTED)
def test_zones_that_kubernetes_takes_are_taken(name: str) -> None:
    validate_zone(name)
    assert str(load_zone(name)) == ("UTC" if name == "Etc/UTC" else name)


@pytest.mark.parametrize("name", ZONES_REFUSED)
def test_zones_that_kubernetes_refuses_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not a time zone that Kubernetes knows"):
        validate_zone(name)


@pytest.fixture
def machine_with_other_zones(tmp_path: Path) -> Iterator[None]:
    """A machine on which Berlin has the time of Tokyo."""
    berlin = tmp_path / "Europe" / "Berlin"
    berlin.parent.mkdir()
    berlin.write_bytes(files("tzdata").joinpath("zoneinfo", "Asia", "Tokyo").read_bytes())
    zoneinfo.reset_tzpath([tmp_path])
    yield
    zoneinfo.reset_tzpath()


@pytest.mark.usefixtures("machine_with_other_zones")
def test_the_zone_data_of_the_machine_make_no_difference() -> None:
    read_now = load_zone.__wrapped__

    assert SUMMER.astimezone(zoneinfo.ZoneInfo.no_cache("Europe/Berlin")).utcoffset() == timedelta(hours=9)
    assert SUMMER.astimezone(read_now("Europe/Berlin")).utcoffset() == timedelta(hours=2)
