"""File descriptors that are this process's alone: no copy that is forked of it holds them open.

Supervisors and the watchdog know by an end of file that this process has ended, and recovery by a
lock: neither may outlive it in a helper that somebody's probe forked, as `multiprocessing` does.
A program that is started is none of it: descriptors do not pass to programs by themselves.
"""

import os

_withheld: set[int] = set()


def withhold(descriptor: int) -> int:
    """Withhold a descriptor from copies; see `release`."""
    _withheld.add(descriptor)
    return descriptor


def release(descriptor: int) -> None:
    """To be called before a descriptor is closed: its number may be another one's then."""
    _withheld.discard(descriptor)


def _in_copy() -> None:
    # Replaced, and not closed: whatever still knows the number must not meet another file there.
    # What writes to it fails.
    nothing = os.open(os.devnull, os.O_RDONLY)
    for descriptor in _withheld:
        os.dup2(nothing, descriptor, inheritable=False)
    os.close(nothing)
    _withheld.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_copy)
