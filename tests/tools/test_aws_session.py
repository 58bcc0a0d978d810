"""Opening an account: whose credentials, which region, which endpoint; and what is said when it cannot be."""

from datetime import UTC, datetime

import pytest

from tools.aws.session import open_account
from tools.errors import CredentialsInvalid, UsageError


class Noon:
    def now(self) -> datetime:
        return datetime(2026, 11, 18, 12, tzinfo=UTC)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A machine with one AWS config file and nothing else."""
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID"):
        monkeypatch.delenv(name, raising=False)
    config = tmp_path / "config"
    config.write_text("[profile staging]\nregion = eu-west-3\n[profile bare]\noutput = json\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return tmp_path


def _open(**more):
    return open_account(**{"profile": None, "region": None, "endpoint_url": None, "clock": Noon(), **more})


def test_an_unknown_profile_names_the_nearest_and_the_known(home):
    with pytest.raises(UsageError, match="stagin") as refused:
        _open(profile="stagin")
    assert "did you mean staging?" in refused.value.hint
    assert "bare" in refused.value.hint


def test_an_unknown_profile_from_the_environment_is_named_too(home, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "elsewhere")
    with pytest.raises(UsageError, match="elsewhere"):
        _open()


def test_no_region_says_three_ways_to_give_one(home):
    with pytest.raises(UsageError, match="no AWS region") as refused:
        _open(profile="bare")
    assert "--region" in refused.value.hint


def test_the_profiles_own_region_is_used(home):
    with _open(profile="staging") as account:
        assert account.calls.region == "eu-west-3"


def test_a_word_that_cannot_be_a_region_is_refused_before_any_call(home):
    with pytest.raises(UsageError, match="virginia"):
        _open(region="virginia")


def test_a_config_file_that_cannot_be_read_is_said(home):
    (home / "config").write_text("this is no ini file\n[")
    with pytest.raises(UsageError, match="config"):
        _open(region="us-east-1")


def test_without_credentials_the_first_call_says_what_to_do(home):
    with _open(region="us-east-1") as account, pytest.raises(CredentialsInvalid) as refused:
        account.reader.account()
    assert "spotwarden demo" in refused.value.hint


def test_with_given_credentials_nothing_of_the_machine_leaks_in(home, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "elsewhere")
    (home / "config").write_text("this is no ini file\n[")
    with _open(region="us-east-1", endpoint_url="http://127.0.0.1:9", credentials=("a", "b")) as account:
        assert account.calls.region == "us-east-1"


def test_a_stray_endpoint_in_the_environment_is_not_honoured(home, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://evil.example:1")
    with _open(region="us-east-1", credentials=("a", "b")) as account:
        assert account.calls.endpoint("ec2") == "https://ec2.us-east-1.amazonaws.com"


@pytest.mark.parametrize(
    ("region", "home_of_prices"),
    [("us-west-2", "us-east-1"), ("eu-west-3", "eu-central-1"), ("ap-northeast-2", "ap-south-1")],
)
def test_prices_are_asked_where_the_price_list_lives(home, region, home_of_prices):
    with _open(region=region, credentials=("a", "b")) as account:
        assert home_of_prices in account.calls.endpoint("pricing")
