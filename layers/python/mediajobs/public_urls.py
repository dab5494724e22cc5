"""Parses the URLs that users give: of sources, of their redirects, and of webhook endpoints.

There is one strict reading, and the client connects by its result. So no second parser, which might find another host
in the same text, takes part.
"""

import ipaddress
import re
from dataclasses import dataclass

MAX_URL_LENGTH = 8192  # characters, also of a redirect's target
MAX_HOST_LENGTH = 253  # characters, the limit of DNS
_DEFAULT_PORTS = {"https": 443, "http": 80}
_AUTHORITY_AND_REST = re.compile(r"([^/?#\\]*)([/?#].*)?")  # browsers read a backslash as a slash, RFC 3986 does not
_HOST_AND_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]%]+)(?::([0-9]{1,5})?)?")
_LABEL = re.compile(r"[a-z0-9_-]{1,63}")
# The ports that browsers refuse (the Fetch standard's "bad ports"): well-known services that are not HTTP, and that a
# request might be made to misread.
NON_HTTP_PORTS = frozenset(
    {1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109, 110}
    | {111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531}
    | {532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060}
    | {5061, 6000, 6566, *range(6665, 6670), 6679, 6697, 10080}
)


class InvalidUrl(ValueError):
    """The URL cannot be used. The message is a clause that says why, without any part of the URL."""


@dataclass(frozen=True)
class PublicUrl:
    """An https URL. `host`: a name in lower-case ASCII without a final dot, or an address, without brackets. `rest`:
    path, query and fragment as they were given. `port` is there also where the URL names none."""

    scheme: str
    host: str
    port: int
    rest: str

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.rest}"


def parse(url: str, *, private_allowed: bool) -> PublicUrl:
    """Parses a URL. Raises InvalidUrl.

    `private_allowed` also allows http, and all ports. Whether the host leads to a public address shows only when it is
    connected to.
    """
    if len(url) > MAX_URL_LENGTH:
        raise InvalidUrl(f"it has more than {MAX_URL_LENGTH} characters")
    if not url.isprintable():
        raise InvalidUrl("it has control characters or unusual blanks in it")
    scheme, separator, remainder = url.partition("://")
    scheme = scheme.lower()
    if not separator or (scheme != "https" and not (scheme == "http" and private_allowed)):
        raise InvalidUrl("its scheme is not https")
    split = _AUTHORITY_AND_REST.fullmatch(remainder)
    if split is None:
        raise InvalidUrl("it is malformed")
    host, port = _host_and_port(split[1], _DEFAULT_PORTS[scheme])
    if port in NON_HTTP_PORTS and not private_allowed:
        raise InvalidUrl(f"port {port} is that of a service other than HTTP")
    return PublicUrl(scheme, host, port, split[2] or "/")


def _host_and_port(authority: str, default_port: int) -> tuple[str, int]:
    if "@" in authority:
        raise InvalidUrl("it carries a user name or password")
    if not authority or authority.startswith(":"):
        raise InvalidUrl("it names no host")
    split = _HOST_AND_PORT.fullmatch(authority)
    if split is None:
        raise InvalidUrl("its host or port is malformed")
    port = int(split[2] or default_port)
    if not 0 < port < 65536:
        raise InvalidUrl("its port is not between 1 and 65535")
    return _host(split[1]), port


def _host(text: str) -> str:
    if text.startswith("["):
        return _ipv6_address(text[1:-1])
    name = _ascii_name(text).lower().removesuffix(".")
    if len(name) > MAX_HOST_LENGTH or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise InvalidUrl("its host is not a valid name")
    return name


def _ipv6_address(text: str) -> str:
    try:
        return str(ipaddress.IPv6Address(text))
    except ValueError as error:
        raise InvalidUrl("its host is not a valid address") from error


def _ascii_name(name: str) -> str:
    if name.isascii():
        return name
    import idna  # its tables take time to load, and few names need them

    try:
        return idna.encode(name, uts46=True, std3_rules=True).decode()
    except UnicodeError as error:
        raise InvalidUrl("its host is not a valid name") from error
