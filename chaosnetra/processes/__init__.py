"""Processes that this one starts, and that cannot outlive it.

- `supervisor` is a program of its own between this process and a command: it ends all of the
  command's descendants when the command or this process ends, however that comes.
- `supervised` starts a command under it; `program` a module of this package that says in a line of
  JSON that it is ready.
- `forkserver` is a program that has imported modules, and forks a copy of itself for each start;
  `forking` talks to it.
- `copies`, `identity` and `listening` tell what is this process's alone, which process a number
  stands for, and who listens on a port.
"""
