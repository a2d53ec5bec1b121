"""HCCL's rank table file: which card of which server is which rank.

Versions 1.0 and 1.2 are HCCL's own (https://www.hiascend.com/document/detail/zh/canncommercial/82RC1/hccl/hcclug/hcclug_000014.html);
ModelArts also writes an older one, with groups of instances, which HCCL does not read.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from common.errors import LaunchError
from launch.schedulers.allocation import Allocation

FILE_VARIABLE = "RANK_TABLE_FILE"


@dataclass(frozen=True)
class Server:
    """One server of a rank table, under every name and address that it goes by."""

    names: tuple[str, ...]
    devices: tuple[int, ...]
    ranks: tuple[int, ...]


def local_names() -> set[str]:
    """Return the names and addresses of this machine."""
    addresses = {address.address for nic in psutil.net_if_addrs().values() for address in nic}
    return {platform.node(), platform.node().partition(".")[0], *addresses}


def allocation(
    path: Path, environ: Mapping[str, str], node_rank: int | None = None, names: Callable[[], set[str]] = local_names
) -> Allocation:
    """Describe the job of a rank table.

    Args:
        path: of the file.
        environ: the environment; MA_CURRENT_IP and HOSTNAME name this machine too.
        node_rank: which server this is, where the user has said so.
        names: finds this machine's own names.

    Raises:
        LaunchError: the file cannot be read, its servers are not alike, or this machine is none of them.
    """
    servers, whole = read_servers(path)
    if node_rank is None:
        node_rank = 0 if len(servers) == 1 else _find_self(servers, path, names() | _said(environ))
    workers = len(servers[0].devices)
    devices = servers[min(node_rank, len(servers) - 1)].devices
    return Allocation(
        f"rank table {path.name}",
        len(servers),
        node_rank,
        servers[0].names[0] if len(servers) > 1 else None,
        workers=workers,
        devices=None if devices == tuple(range(workers)) else ",".join(map(str, devices)),
        rank_table=path.absolute() if whole else None,
    )


def read_servers(path: Path) -> tuple[list[Server], bool]:
    """Read a rank table.

    Returns:
        Its servers, by rank, and whether HCCL reads the file too.

    Raises:
        LaunchError: the file cannot be read, is not ready, or its servers are not alike.
    """
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        if table.get("status", "completed") != "completed":
            raise LaunchError(f"rank table {path}: status is {table['status']}, not completed; wait for the scheduler")
        whole = "server_list" in table
        servers = [_server(item) for item in table["server_list"]] if whole else _instances(table)
        count = int(table.get("server_count", len(servers)))
    except LaunchError:
        raise
    except OSError as error:
        raise LaunchError(f"rank table {path}: {error.strerror}") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise LaunchError(f"rank table {path}: is no JSON in UTF-8 ({error})") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LaunchError(f"rank table {path}: not one of HCCL's, version 1.0 or 1.2 ({error!r})") from error
    servers.sort(key=lambda server: server.ranks)
    if not any(server.devices for server in servers):
        raise LaunchError(f"rank table {path}: lists no cards")
    names = [server.names[:1] for server in servers]
    if twice := [name for name in names if name and names.count(name) > 1]:
        raise LaunchError(f"rank table {path}: lists server {twice[0][0]} twice")
    if {len(server.devices) for server in servers} != {len(servers[0].devices)}:
        raise LaunchError(f"rank table {path}: its servers must have the same number of cards")
    if [rank for server in servers for rank in server.ranks] != list(range(len(servers) * len(servers[0].ranks))):
        raise LaunchError(f"rank table {path}: ranks must be numbered through from 0, server after server")
    for server in servers:
        # A rank takes the card of its place among those that are visible, which CANN counts in rising order.
        if list(server.devices) != sorted(set(server.devices)):
            raise LaunchError(
                f"rank table {path}: server {server.names[0]} has cards {', '.join(map(str, server.devices))} in the "
                "order of its ranks; they have to rise with the ranks"
            )
    if count != len(servers):
        raise LaunchError(f"rank table {path}: server_count is {count}, and {len(servers)} are listed")
    return servers, whole


def _server(item: Mapping[str, Any]) -> Server:
    devices = sorted(item["device"], key=lambda device: int(device["rank_id"]))
    addresses = [item.get(key) for key in ("host_ip", "server_id", "host_nic_ip")]
    names = tuple(str(name) for name in addresses if name and name != "reserve")
    return Server(
        names, tuple(int(item["device_id"]) for item in devices), tuple(int(item["rank_id"]) for item in devices)
    )


def _instances(table: Mapping[str, Any]) -> list[Server]:
    """Read ModelArts's older form, whose ranks count through in the order of the file."""
    servers: list[Server] = []
    for group in table["group_list"]:
        for item in group["instance_list"]:
            devices = tuple(int(device["device_id"]) for device in item["devices"])
            first = sum(len(server.devices) for server in servers)
            names = tuple(str(item[key]) for key in ("server_id", "pod_name") if item.get(key))
            servers.append(Server(names, devices, tuple(range(first, first + len(devices)))))
    return servers


def _said(environ: Mapping[str, str]) -> set[str]:
    return {environ[name] for name in ("MA_CURRENT_IP", "HOSTNAME", "POD_NAME") if environ.get(name)}


def _find_self(servers: list[Server], path: Path, names: set[str]) -> int:
    mine = {form for name in names for form in _forms(name)}
    found = [place for place, server in enumerate(servers) if names & set(server.names)] or [
        place for place, server in enumerate(servers) if any(mine & _forms(name) for name in server.names)
    ]
    if len(found) != 1:
        listed = ", ".join(server.names[0] for server in servers)
        raise LaunchError(f"rank table {path}: which of {listed} is this machine? Say so by --node_rank 0, 1, ...")
    return found[0]


def _forms(name: str) -> set[str]:
    """Return a host's name as it may be written elsewhere: in small letters, without its domain; addresses stay."""
    small = name.lower()
    is_address = ":" in small or small.replace(".", "").isdigit()
    return {small} if is_address else {small, small.partition(".")[0]}
