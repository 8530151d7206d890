"""A pipeline's step for GitHub and GitLab, from one text each.

The reusable workflow of this package's own repository is the same text as what a repository gets
from `chaosnetra init`, with inputs in place of what is known of a service.
"""

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import PurePosixPath

from chaosnetra import DISTRIBUTION
from chaosnetra.scaffold.building import Machine
from chaosnetra.text import one_line

TITLE = "startup"
EVIDENCE = "startup-evidence"
_NOTHING_TELLS = "# Build the service here, and install what it needs: its folder does not say how."
_REUSABLE_TRIGGERS = f"""\
  workflow_call:
    inputs:
      experiments:
        description: Files and folders of experiments, within the working directory
        type: string
        default: experiments
      working-directory:
        description: The service's folder
        type: string
        default: .
      prepare:
        description: Commands that make the service ready to be started
        type: string
        default: ""
      package:
        description: What pip installs; a git URL or a wheel where no package index has it
        type: string
        default: {DISTRIBUTION}
      evidence:
        description: Name of the artifact, and of the baseline
        type: string
        default: {EVIDENCE}
"""
_TRIGGERS = """\
  push:
    branches: [{branch}]
  pull_request:
  schedule:
    - cron: "23 3 * * *"
  workflow_dispatch:
"""


def github_workflow(
    name: str, experiments: str, build: Sequence[str], *, folder: PurePosixPath, branch: str
) -> str:
    """A workflow for the repository of a service.

    Args:
        name: of the service, for people.
        experiments: their folder, within the service's.
        build: commands that make the service ready to be started.
        folder: of the service, within the repository.
        branch: that is the main one.
    """
    lines = ["      - name: Prepare the service", "        run: |"]
    lines += [f"          {line}" for line in build or (_NOTHING_TELLS,)]
    return _filled(
        "github.yml",
        {
            "head": _head(name),
            "title": TITLE,
            "triggers": _TRIGGERS.format(branch=json.dumps(branch)),
            "experiments": experiments,
            "working-directory": str(folder),
            "package": DISTRIBUTION,
            "evidence": EVIDENCE,
            "prepare": "\n".join(lines) + "\n",
        },
    )


def reusable_workflow() -> str:
    """The workflow that others call."""
    step = """\
      - name: Prepare the service
        if: inputs.prepare != ''
        env:
          PREPARE: ${{ inputs.prepare }}
        run: bash -eo pipefail -c "$PREPARE"
"""
    return _filled(
        "github.yml",
        {
            "head": "Starts the service of the repository that calls it: docs/ci-and-pytest.md.\n"
            "# Written by `python -m chaosnetra.scaffold.pipeline`.",
            "title": TITLE,
            "triggers": _REUSABLE_TRIGGERS,
            "experiments": "${{ inputs.experiments }}",
            "working-directory": "${{ inputs.working-directory }}",
            "package": "${{ inputs.package }}",
            "evidence": "${{ inputs.evidence }}",
            "prepare": step,
        },
    )


def gitlab_job(
    name: str,
    experiments: str,
    build: Sequence[str],
    machine: Machine,
    *,
    folder: PurePosixPath,
    file: str,
) -> str:
    """A file for GitLab to include; arguments as of `github_workflow`, the container that it runs
    in, and its own path."""
    install = "apt-get update -qq && apt-get install -qq --no-install-recommends"
    tools = f"\n    - {install} {' '.join(machine.packages)}" if machine.packages else ""
    lines = [f"    - {json.dumps(line)}" for line in build] or [f"    {_NOTHING_TELLS}"]
    return _filled(
        "gitlab.yml",
        {
            "head": _head(name),
            "title": TITLE,
            "experiments": experiments,
            "working-directory": str(folder),
            "package": DISTRIBUTION,
            "file": file,
            "image": machine.image,
            "tools": tools,
            "prepare": "\n".join(lines),
        },
    )


def _head(name: str) -> str:
    return (
        f"Starts {one_line(name)} without a fault, on a slow path to its database and without\n"
        "# it, and fails when it does not start as it has to, or worse than on the main branch.\n"
        "# Written by `chaosnetra init`."
    )


def _filled(file: str, values: Mapping[str, str]) -> str:
    """A text with `<name>` replaced; what is left of a line by itself takes its line end along."""
    text = (files(__package__) / file).read_text(encoding="utf-8")
    for name, value in values.items():
        text = text.replace(f"<{name}>", value.rstrip("\n"))
    return text


if __name__ == "__main__":
    import sys

    sys.stdout.write(reusable_workflow())
