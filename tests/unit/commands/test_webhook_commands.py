import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from commands import source, webhook

runner = CliRunner()


def run(home: Path, *arguments: str) -> tuple[int, str]:
    result = runner.invoke(webhook.app, list(arguments), env={"TRADE_ENGINE_HOME": str(home)})
    return result.exit_code, result.output


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("keys", "revoke", "k9"), 2, "there is no 'k9'"),
        (("keys", "add", "Bad Name"), 2, "does not match"),
        (("keys", "add", "unauthenticated"), 2, "reserved"),
        (("keys", "add", "trend", "--rhythm-minutes", "0"), 2, "rhythm"),
        (("domain", "nodots"), 2, "public host name"),
        (("domain", ""), 2, "name one"),
    ],
)
def test_wrong_usage_is_said_and_ends_with_2(tmp_path: Path, arguments: tuple[str, ...], code: int, said: str) -> None:
    assert (run(tmp_path, *arguments)[0], said in run(tmp_path, *arguments)[1]) == (code, True)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_file_ends_with_78_and_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "webhook_keys.json").write_text("{")
    (tmp_path / "engine_config.json").write_text('{"pol": 1}')
    for arguments in (
        ("keys", "list"),
        ("keys", "add", "trend"),
        ("keys", "revoke", "k1"),
        ("domain", "tv.example.com"),
    ):
        code, said = run(tmp_path, *arguments)
        assert code == 78, said
    assert (tmp_path / "webhook_keys.json").read_text() == "{"
    assert (tmp_path / "engine_config.json").read_text() == '{"pol": 1}'


def test_list_says_whether_a_key_is_required(tmp_path: Path) -> None:
    assert "No keys" in run(tmp_path, "keys", "list")[1]
    assert json.loads(run(tmp_path, "keys", "list", "--json")[1]) == {"required": False, "keys": []}
    made = json.loads(run(tmp_path, "keys", "add", "trend", "--json")[1])
    listed = json.loads(run(tmp_path, "keys", "list", "--json")[1])
    assert (listed["required"], [key["id"] for key in listed["keys"]]) == (True, [made["id"]])
    assert made["key"] not in json.dumps(listed)
    assert "no key left" in run(tmp_path, "keys", "revoke", made["id"])[1]
    assert json.loads(run(tmp_path, "keys", "list", "--json")[1])["required"]


def test_the_domain_keeps_the_operators_other_settings(tmp_path: Path) -> None:
    (tmp_path / "engine_config.json").write_text('{"poll_seconds": 1.5, "webhook": {"max_depth": 0.2}}')

    assert run(tmp_path, "domain", "tv.example.com")[0] == 0

    assert json.loads((tmp_path / "engine_config.json").read_text()) == {
        "poll_seconds": 1.5,
        "webhook": {"max_depth": 0.2, "domain": "tv.example.com", "proxy_addresses": ["127.0.0.1"]},
    }


def test_the_shipped_sources_are_listed_with_how_they_run() -> None:
    result = runner.invoke(source.app, ["list", "--json"])

    assert json.loads(result.output)["tradingview"] == "python3 signal_endpoints/tradingview_endpoint.py"
    assert runner.invoke(source.app, ["run", "tradingview"]).exit_code == 2
