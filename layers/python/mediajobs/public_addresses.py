"""Decides which IP addresses are public.

Sources are fetched from, and webhooks are sent to, public addresses only, so that no URL reaches an internal service.
"""

import ipaddress

# Not `ipaddress.is_global`: its meaning differs between patch releases of Python.
_NON_PUBLIC_V4 = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT; Alibaba's metadata service
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # Azure's platform services, reachable from inside only
        "169.254.0.0/16",  # link-local; most clouds' metadata service
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; Oracle's metadata service
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
# Global unicast. Loopback, v4-mapped, v4-compatible, NAT64, unique local, link-local and multicast are outside it.
_GLOBAL_UNICAST_V6 = ipaddress.IPv6Network("2000::/3")
_NON_PUBLIC_V6 = tuple(
    ipaddress.IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments: Teredo, benchmarks, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: carries any IPv4 address
        "3fff::/20",  # documentation
    )
)


def is_public(address: str) -> bool:
    """Whether a text is an IP address, and a public one."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv4Address):
        return not any(parsed in network for network in _NON_PUBLIC_V4)
    if parsed.scope_id is not None or parsed not in _GLOBAL_UNICAST_V6:
        return False
    return not any(parsed in network for network in _NON_PUBLIC_V6)


def is_private_literal(host: str) -> bool:
    """Whether a URL's host is a non-public IP address. False for a name: that is checked when it is resolved."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return not is_public(host)
