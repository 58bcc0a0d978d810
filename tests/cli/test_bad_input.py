"""Bad arguments, settings, addresses, policies, price files: each is told once, with a way out, and costs nothing."""

import gzip
import json
import socket

import pytest

from tests.asking import POLICY
from tests.cli.conftest import UNSAFE

KEYS = {"AWS_ACCESS_KEY_ID": "AKIANOBODY0000000000", "AWS_SECRET_ACCESS_KEY": "nothing"}
HEADER = "availability_zone,instance_type,product,timestamp_utc,spot_price_usd_per_h\n"
PRICES = HEADER + "".join(f"us-east-1a,m5.large,Linux/UNIX,2020-01-01T{h:02}:00:00Z,0.0{h + 10}\n" for h in range(24))


@pytest.fixture(scope="module")
def deaf_port():
    """A loopback port where nobody listens, kept from others while the module runs."""
    with socket.socket() as kept:
        kept.bind(("127.0.0.1", 0))
        yield kept.getsockname()[1]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["fleets"], "no AWS region is set"),
        (["fleets", "--region", "관악"], "'관악' is not the name of an AWS region"),
        (["fleets", "--profile", "prod", "--region", "us-east-1"], "profile 'prod' is not configured"),
        (["fleets", "x" * 1_000_000], "1,000,000 characters"),
        (["fleets", "a\0b"], "NUL"),
        (["audit", "verify", "--db", "a\0b"], "NUL"),
        (["fleets", "a\udcffb"], "not UTF-8"),
        (["run", "--stop", "--resume"], "do not go together"),
        (["run", "--interval", "nan"], "--interval"),
        (["audit", "show", "--since", "\x1b[2Jyesterday"], "not a time"),
        (["demo", "--lang", "fr"], "--lang fr"),
        (["demo", "--speed", "0"], "--speed"),
        (["market", "prices", "--history", "x.csv", "ml-train"], "a file has no fleets"),
        (["fleets", "--config", "."], "Is a directory"),
        (["fleets", "--nonsense\x1b[31m"], "--nonsense"),
    ],
)
def test_an_argument_that_cannot_be_is_64(alone, argv, said):
    alone(*argv).refuses(64, said)
    document = alone(*argv, "--json")
    assert document.json["error"]["exit_code"] == 64


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("db = 5", "db is 5, not text in quotes"),
        ("region = ['us-east-1']", "region is ['us-east-1'], not text"),
        ('ascii = "no"', "ascii is 'no', not true or false"),
        ('lang = "kr"', "lang 'kr'"),
        ('db = "a\\u0000b"', "NUL"),
        ("regoin = 'x'", "unknown key 'regoin'"),
        ("region = ", "not TOML"),
    ],
)
def test_a_setting_that_cannot_be_is_64(alone, home, text, said):
    (home / "spotwarden.toml").write_text(text)
    alone("audit", "verify").refuses(64, said)


def test_the_region_of_the_environment_is_used(alone, monkeypatch):
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    alone("fleets").refuses(1, "no AWS credentials were found")


@pytest.mark.parametrize(
    "url", ["localhost:5000", "http://127.0.0.1:99999", "http://[::1", "ftp://127.0.0.1", "http://", "\x1b[31m"]
)
def test_an_endpoint_that_is_no_address_is_64(alone, monkeypatch, url):
    monkeypatch.setenv("SPOTWARDEN_ENDPOINT_URL", url)
    alone("fleets", "--region", "us-east-1").refuses(64, "not an address")


@pytest.mark.parametrize("region", [[], ["--region", "us-east-1"]])
def test_an_endpoint_where_nobody_answers_is_named(alone, monkeypatch, deaf_port, region):
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SPOTWARDEN_ENDPOINT_URL", f"http://127.0.0.1:{deaf_port}")
    alone("fleets", *region).refuses(1, f"127.0.0.1:{deaf_port}", "demo --serve")
    doctor = alone("doctor", "--json", *region)
    assert doctor.exit == 1
    assert {c["check"] for c in doctor.json["checks"] if not c["ok"]} == {"account", "fleets", "prices", "advisor"}


def test_the_kill_switch_works_when_nothing_else_does(alone, monkeypatch, home, deaf_port):
    monkeypatch.setenv("SPOTWARDEN_ENDPOINT_URL", f"http://127.0.0.1:{deaf_port}")
    (home / "policy.yaml").write_text("not a policy")
    alone("run", "--stop", "--policy", "policy.yaml", "--db", str(home)).refuses(1, "is on all the same")
    # beside the journal: an endpoint on this machine is a simulated account
    assert home.with_suffix(".STOP").exists()


def test_the_kill_switch_of_a_real_account_is_this_machines(alone, home):
    (home / "policy.yaml").write_text("not a policy")
    alone("run", "--stop", "--policy", "policy.yaml").refuses(1, "is on all the same")
    assert (home / "state" / "spotwarden" / "STOP").exists()


POLICIES = {
    "a key twice": (POLICY.replace("version: 1", "version: 1\nversion: 1"), ":3: duplicate key 'version'"),
    "a typo": (POLICY.replace("filters", "filtres"), "unknown key 'filtres' under policies[0]; nearest: 'filters'"),
    "binary": (bytes(range(256)), "not UTF-8 text"),
    "empty": ("", "not a policy document"),
    "YAML that is none": ("version: [1", "not YAML"),
}


@pytest.mark.parametrize("case", POLICIES)
def test_a_policy_file_that_is_none_is_told_by_file_and_line_and_nothing_is_planned(run, home, untouched, case):
    content, said = POLICIES[case]
    file = home / "policy.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    told = run("plan", "ml-train", "--desired", "11", "--json")
    assert (told.exit, told.json["error"]["kind"]) == (1, "PolicyError")
    assert said in told.json["error"]["message"]
    assert str(file) in told.json["error"]["message"]


@pytest.mark.parametrize("name", [".", "none.yaml"])
def test_a_policy_that_is_a_directory_or_missing_is_told(run, untouched, name):
    run("plan", "ml-train", "--desired", "11", "--policy", name).refuses(1, "cannot be read")


WHOLE = gzip.compress(PRICES.encode())
PRICE_FILES = {
    "truncated": (WHOLE[: len(WHOLE) // 2], 1, "the gzip is damaged"),
    "another checksum": (WHOLE[:-8] + b"12345678", 1, "CRC check failed"),
    "without a column": (PRICES.replace("product", "produkt").encode(), 1, "no column product"),
    "empty": (b"", 1, "the file is empty"),
    "empty inside": (gzip.compress(b""), 1, "the file is empty"),
    "only a header": (HEADER.encode(), 1, "none of 0 rows"),
    "binary": (bytes(range(256)), 1, "not UTF-8 text"),
    "absent": (None, 64, "No such file"),
}


@pytest.mark.parametrize("case", PRICE_FILES)
def test_a_price_file_that_cannot_be_used_is_named_with_what_was_seen(alone, home, case):
    content, code, said = PRICE_FILES[case]
    if content is not None:
        (home / "prices.csv.gz").write_bytes(content)
    alone("market", "prices", "--history", "prices.csv.gz").refuses(code, "prices.csv.gz", said)


def test_a_directory_is_no_price_file(alone):
    alone("market", "prices", "--history", ".").refuses(64, "Is a directory")


def test_a_whole_price_file_is_read(alone, home):
    (home / "prices.csv.gz").write_bytes(WHOLE)
    told = alone("market", "prices", "--history", "prices.csv.gz", "--json")
    assert (told.exit, len(told.json["pools"])) == (0, 1)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--on-demand-percentage", "150"], "--on-demand-percentage 150: must be less than or equal to 100"),
        (["--on-demand-percentage=-1"], "--on-demand-percentage -1: must be greater"),
        (["--desired", "9" * 300], "--desired"),
        (["--strategy", "cheapest"], "--strategy 'cheapest': must be 'price-capacity-optimized'"),
        (["--types", "g5.xlarge,"], "--types ''"),
        (["--types", ""], "--types ''"),
        (["--desired", "twelve"], "--desired"),
        ([], "names no change"),
    ],
)
def test_a_plan_that_cannot_be_names_the_option_as_it_was_typed(run, untouched, options, said):
    run("plan", "ml-train", *options).refuses(64, said)


def test_a_fleet_without_a_mix_cannot_be_given_one(run, untouched):
    run("plan", "api-core", "--on-demand-base", "2").refuses(64, "api-core has no mixed instances policy")


@pytest.mark.parametrize(
    ("name", "said"),
    [("ml-trian", "there is ml-train"), ("훈련-플릿", "훈련-플릿"), ("\x1b[31m\u202egnp", "\\u{1b}[31m\\u{202e}")],
)
def test_an_unknown_fleet_is_told_with_the_nearest(run, untouched, name, said):
    run("plan", name, "--desired", "3").refuses(1, "no fleet of this name", said)


def test_korean_words_are_kept_as_they_were_said(run, untouched):
    assert run("plan", "ml-train", "--desired", "11", "--why", "학습을 줄입니다").exit == 0
    assert "학습을 줄입니다" in run("audit", "show").out
    assert "학습을 줄입니다" in run("audit", "show", "--json").out


def test_a_plan_that_cannot_be_saved_is_kept_in_the_journal(run, home, untouched):
    for out in (str(home), "no/such/folder.json"):
        run("plan", "ml-train", "--desired", "11", "-o", out).refuses(1, "cannot be written", "spotwarden apply p-")
    assert len(run("approve", "--json").json["waiting"]) == 1


FAULTS = [
    ("expired-credentials", "CredentialsInvalid", "log in again"),
    ("access-denied", "AccessDenied", "doctor --iam"),
    ("error-500", "CloudError", "ask again later"),
]


@pytest.mark.parametrize(("kind", "error", "hint"), FAULTS)
def test_an_account_that_refuses_is_told_with_a_way_out(run, account, untouched, kind, error, hint):
    account.fail("DescribeAutoScalingGroups", kind, times=100)
    for argv in (["fleets"], ["plan", "ml-train", "--desired", "11"]):
        told = run(*argv, "--json")
        told.refuses(1, hint)
        assert told.json["error"]["kind"] == error


def test_doctor_tells_of_expired_credentials_in_one_document(run, account):
    account.fail("*", "expired-credentials", times=1000)
    told = run("doctor", "--json")
    assert (told.exit, told.json["ok"]) == (1, False)
    assert "log in again" in json.dumps(told.json)


def test_throttled_reads_are_repeated_and_answer(run, account):
    account.fail("DescribeAutoScalingGroups", "throttle", times=1)
    assert run("fleets", "--json").exit == 0


EVIL = "[bold red]x[/] <b>&amp; \x9b31m\x85 \u202egnp.exe\u202c \u200b\u2066 \u2028end"


def test_tags_full_of_markup_and_escape_codes_are_shown_as_text(run, asg, home, monkeypatch):
    tags = [("note", EVIL), ("k\x9b2J", "v")]
    asg.create_or_update_tags(
        Tags=[
            {
                "ResourceId": "batch",
                "ResourceType": "auto-scaling-group",
                "Key": key,
                "Value": value,
                "PropagateAtLaunch": False,
            }
            for key, value in tags
        ]
    )
    monkeypatch.setenv("SPOTWARDEN_ACTOR", "op\x1b]0;pwn\x07\u202e")
    for argv in (
        ["fleets", "batch"],
        ["plan", "batch", "--desired", "23", "--why", EVIL + "\x1b[2J"],
        ["approve"],
        ["audit", "show"],
        ["market", "risk", "batch"],
        ["run", "--once"],
        ["run", "--status"],
    ):
        for more in ([], ["--json"]):
            told = run(*argv, *more)
            assert told.exit == 0, told
            told.out.encode()
            assert not UNSAFE.search(told.out + told.err), (argv, more)
            assert not more or told.json
    shown = {t["key"]: t["value"] for t in run("fleets", "batch", "--json").json["tags"]}
    assert shown["note"] == EVIL
    assert run("audit", "verify").exit == 0
