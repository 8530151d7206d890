"""Who listens on a port."""

import psutil


def listens(root_pid: int, port: int) -> bool:
    """Whether a process, or one that descends from it, listens on a TCP port.

    Where the system does not let us look at a process, it is taken for the one: an answer from
    the port is then all there is to go by.
    """
    try:
        root = psutil.Process(root_pid)
        tree = [root, *root.children(recursive=True)]
    except psutil.Error:
        return False
    for process in tree:
        try:
            connections = process.net_connections(kind="tcp")
        except psutil.AccessDenied:
            return True
        except psutil.Error:
            continue
        if any(
            link.status == psutil.CONN_LISTEN and link.laddr.port == port for link in connections
        ):
            return True
    return False
