"""`chaosnetra ci`: the steady state as a pipeline's step."""

from pathlib import Path

import click

from chaosnetra.commands.shared import exit_on, finite, pairs, set_option

USAGE = 2


@click.command()
@click.argument("experiments", metavar="EXPERIMENT…", nargs=-1, required=True, type=click.Path())
@click.option(
    "--output-folder",
    required=True,
    metavar="FOLDER",
    type=click.Path(),
    help="New or empty; gets journals, reports, junit.xml, summary.md and result.json.",
)
@click.option(
    "--baseline",
    metavar="FOLDER",
    type=click.Path(),
    help="Output folder of an earlier run to compare with; one that is not there is no error.",
)
@click.option(
    "--timeout",
    default=3600.0,
    show_default=True,
    metavar="SECONDS",
    type=click.FloatRange(min=0, min_open=True),
    callback=finite,
    help="Interrupt an experiment that takes longer.",
)
@set_option("A setting, or a key of the experiments' configuration; can be given several times.")
@click.option("--no-lint", is_flag=True, help="Run experiments in which lint finds errors too.")
def ci(
    experiments: tuple[str, ...],
    output_folder: str,
    baseline: str | None,
    timeout: float,
    given: tuple[str, ...],
    no_lint: bool,
) -> None:
    """Validate the steady state in a pipeline, with one exit code to gate on.

    Lints and runs each EXPERIMENT (a file, or a folder of them) as `chaos run` does, a process
    each; settings come from chaosnetra.toml and the environment as always. Writes the evidence to
    the output folder, which the next run can take as its baseline.

    An experiment that does not lint, does not run, or proves nothing is told from a system that
    does not hold its steady state; a broken one does not keep the others from being run.

    Exit codes: 0 all held; 1 a steady state was violated; 2 none was, and an experiment is
    inconclusive or broken, or the baseline cannot be read, or the call is wrong; 3 a regression
    against the baseline; 6 interrupted, with everything undone.
    """
    from chaosnetra.ci.validate import validate
    from chaosnetra.ci.validation import table
    from chaosnetra.errors import ChaosnetraError
    from chaosnetra.processes.signals import ended_as_by_ctrl_c
    from chaosnetra.runner.files import find_experiments
    from chaosnetra.settings.sources import check_keys

    for option, words in (("EXPERIMENT", experiments), ("--output-folder", (output_folder,))):
        if "" in words:
            raise click.BadParameter("it is empty", param_hint=option)
    if baseline == "" or (baseline and Path(baseline).exists() and not Path(baseline).is_dir()):
        raise click.BadParameter(f"{baseline!r} is no folder", param_hint="--baseline")
    values = pairs("--set", given)
    with exit_on({ChaosnetraError: USAGE, OSError: USAGE}), ended_as_by_ctrl_c():
        found = find_experiments(map(Path, experiments))
        check_keys(values, (one.declared for one in found))
        validation = validate(
            found,
            Path(output_folder),
            given=values,
            baseline=Path(baseline) if baseline is not None else None,
            limit_seconds=timeout,
            lint=not no_lint,
            say=click.echo,
        )
    click.echo(f"===\n{table(validation)}")
    raise SystemExit(validation.exit.value)
