"""The files of a public name: nginx and certbot, written for review. Nothing is installed and nothing runs as root."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from config.engine_settings import ENGINE_SETTINGS
from config.files import format_json, parse_json, write_atomically
from config.home import Home
from config.overrides import put
from config.schemas.reading import check_model, read_bytes
from config.webhook_settings import WebhookSettings, check_domain
from core.model.failures import InvalidInput, StorageFailure

FOLDER_NAME = "webhook_domain"
FILE_NAMES = ("webhook-http.conf", "webhook-https.conf", "certbot.ini")
CHALLENGE_FOLDER = "/var/www/certbot"
PROXY_ADDRESS = "127.0.0.1"

_TEMPLATES = Path(__file__).resolve().parent.parent / "deploy" / "nginx"
_PLACE = re.compile(r"@([a-z_]+)@")


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are on the machine that runs nginx; the defaults are Debian's and certbot's.

    Attributes:
        http_port: Of the challenge.
        https_port: Of the alerts.
        certificates: The folder of certbot's certificates.
        authorities: The public authorities that may vouch for TradingView's certificate.
        logs: nginx's.
    """

    http_port: int = 80
    https_port: int = 443
    certificates: str = "/etc/letsencrypt/live"
    authorities: str = "/etc/ssl/certs/ca-certificates.crt"
    logs: str = "/var/log/nginx"


def set_up_domain(home: Home, domain: str, places: Places | None = None) -> str:
    """Write the files of a name, and declare the name and the proxy in engine_config.json.

    Args:
        home: The files go to its folder `webhook_domain`.
        domain: The public name.
        places: Where things are on the machine that runs nginx.

    Returns:
        What the operator does next, as commands to read and run.

    Raises:
        InvalidInput: If the name is none, or the settings are not valid.
        StorageFailure: If a file cannot be written.
    """
    try:
        check_domain(domain)
    except ValueError as error:
        raise InvalidInput(f"domain: {error}") from None
    if not domain:
        raise InvalidInput("domain: name one, such as tv.example.com")
    settings = _declare(home, domain)
    folder = home.path / FOLDER_NAME
    for name in FILE_NAMES:
        write_atomically(folder / name, _fill(name, _values(folder, domain, settings, places or Places())).encode())
    return _next_steps(folder, domain, home.engine_settings)


def _declare(home: Home, domain: str) -> WebhookSettings:
    path = home.engine_settings
    given = parse_json(read_bytes(path, "Restore the file."), path) if path.exists() else {}
    put(given, "webhook.domain", domain)
    put(given, "webhook.proxy_addresses", [PROXY_ADDRESS])
    settings = check_model(ENGINE_SETTINGS, given, path).webhook
    write_atomically(path, format_json(given))
    return settings


def _values(folder: Path, domain: str, settings: WebhookSettings, places: Places) -> Mapping[str, str]:
    senders = [f"    {address} 1;" for address in settings.sender_addresses] or ["    0.0.0.0/0 1;"]
    return {
        "domain": domain,
        "endpoint_port": str(settings.port),
        "senders": "\n".join(senders),
        "http_port": str(places.http_port),
        "https_port": str(places.https_port),
        "certificate_folder": f"{places.certificates}/{domain}",
        "authorities": places.authorities,
        "log_folder": places.logs,
        "challenge_folder": CHALLENGE_FOLDER,
        "folder": str(folder),
    }


def _fill(name: str, values: Mapping[str, str]) -> str:
    try:
        template = (_TEMPLATES / name).read_text(encoding="utf-8")
    except OSError as error:
        raise StorageFailure(f"{_TEMPLATES / name}: cannot be read: {error.strerror or error}") from error
    return _PLACE.sub(lambda match: values[match.group(1)], template)


def _next_steps(folder: Path, domain: str, settings: Path) -> str:
    return f"""\
Written for review: {", ".join(str(folder / name) for name in FILE_NAMES)}
Declared in {settings}: webhook.domain, webhook.proxy_addresses
Nothing was installed. Read the files, then run, on the machine that {domain} points to:

sudo apt-get install -y nginx certbot
sudo mkdir -p {CHALLENGE_FOLDER}
sudo install -m 644 {folder}/webhook-http.conf /etc/nginx/conf.d/
sudo nginx -t && sudo systemctl reload nginx
sudo certbot certonly --config {folder}/certbot.ini
sudo install -m 644 {folder}/webhook-https.conf /etc/nginx/conf.d/
sudo nginx -t && sudo systemctl reload nginx

Then make a key (./engine webhook keys add STRATEGY), start the endpoint, and set the alert's webhook URL to
https://{domain}/
"""
