"""`chaosnetra search`: how much can it take?"""

from functools import partial
from pathlib import Path

import click

from chaosnetra.commands.shared import (
    PATH,
    exit_on,
    finite,
    format_option,
    pairs,
    say_json,
    set_option,
)

PROVES_NOTHING = 2
INTERRUPTED = 6
_number = partial(click.option, type=float, callback=finite)


@click.command()
@click.argument("experiment", type=PATH)
@click.option(
    "--vary",
    "keys",
    required=True,
    multiple=True,
    metavar="KEY",
    help="Of its configuration; a number. Given twice, with --from and --to: where both break.",
)
@_number("--from", "lowers", required=True, multiple=True, metavar="A", help="Least value.")
@_number("--to", "uppers", required=True, multiple=True, metavar="B", help="Greatest value.")
@_number("--operating-point", metavar="V", help="Where the system stands today, for margins.")
@_number("--at-least", metavar="V", help="Fail unless the whole interval lies above this.")
@click.option(
    "--at-most",
    type=float,
    metavar="V",
    help="Fail unless it lies below this; of a key that makes it harder as it falls.",
)
@click.option(
    "--precision",
    default=0.1,
    show_default=True,
    metavar="SHARE",
    type=click.FloatRange(0.01, 0.9),
    help="Width of the interval that is enough, as a share of the value; of two keys, the share of "
    "the map that may stay undecided.",
)
@click.option(
    "--trials", default=40, show_default=True, type=click.IntRange(1, 1000), help="At most so many."
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    callback=finite,
    help="Begin no trial after so long.",
)
@click.option(
    "--seed", default=0, show_default=True, type=click.IntRange(0, 2**31), help="Of trials."
)
@click.option(
    "--output-folder",
    metavar="FOLDER",
    type=PATH,
    help="For search.json and the trials; by default a new one here. The folder of an earlier call "
    "goes on with its search.",
)
@set_option("A setting, or a key of the configuration, for all trials; several times.")
@format_option("Text, or one JSON document: the search's journal.")
def search(
    experiment: Path,
    keys: tuple[str, ...],
    lowers: tuple[float, ...],
    uppers: tuple[float, ...],
    operating_point: float | None,
    at_least: float | None,
    at_most: float | None,
    precision: float,
    trials: int,
    seconds: float | None,
    seed: int,
    output_folder: Path | None,
    given: tuple[str, ...],
    output: str,
) -> None:
    """Find the value of KEY at which the steady state of EXPERIMENT stops holding.

    KEY is a number that makes it harder as it grows, such as a latency or a count, or as it
    falls, such as a bandwidth or a number of slots: trials at both ends tell which.

    Each trial is a `chaos run` of the experiment with that value, undone before the next; its
    journal lies in the folder. Where the key is a latency, the round trips that startups make and
    the limits of the service predict the value, and two trials around it confirm or refute that.

    With two keys (--vary K --from A --to B --vary L --from C --to D) it finds where both together
    stop holding, as a map: a trial that held decides all that is easier in both, one that was
    violated all that is harder.

    A trial that proves nothing counts for nothing, and is made once more. The interval holds the
    breaking point with 95 %.

    Exit codes: 0 the search has an answer; 1 the interval does not lie above --at-least, or below
    --at-most; 2 trials prove nothing, or the response is not monotonic, or the call is wrong; 6
    interrupted, with everything undone: the same call with the same folder goes on.
    """
    from chaosnetra.errors import ChaosnetraError
    from chaosnetra.processes.signals import ended_as_by_ctrl_c
    from chaosnetra.search.conduct import Varied, Wanted, begun, conduct
    from chaosnetra.search.folders import new_folder
    from chaosnetra.search.judging import judged
    from chaosnetra.search.record import FILE
    from chaosnetra.search.subject import read_subject
    from chaosnetra.search.telling import summary

    if len(keys) > 2 or not len(keys) == len(lowers) == len(uppers):
        raise click.UsageError(
            "give --vary, --from and --to once, or each twice for a map of two keys: got "
            f"{len(keys)}, {len(lowers)} and {len(uppers)}"
        )
    if len(set(keys)) < len(keys):
        raise click.UsageError(f"--vary twice takes two keys, got {keys[0]} both times")
    if len(keys) == 2:
        for option, value in (
            ("--at-least", at_least),
            ("--at-most", at_most),
            ("--operating-point", operating_point),
        ):
            if value is not None:
                raise click.UsageError(f"{option} is about one key: vary only one with it")
    if at_least is not None and at_most is not None:
        raise click.UsageError("give --at-least or --at-most: it gets harder in one direction")
    values = pairs("--set", given)
    wanted = Wanted(seed, precision, trials, seconds, operating_point, at_least, at_most, values)

    def say(line: str) -> None:
        click.echo(line, err=output == "json")

    with exit_on({ChaosnetraError: PROVES_NOTHING, OSError: PROVES_NOTHING}):
        varied = []
        for name, lower, upper in zip(keys, lowers, uppers, strict=True):
            subject = read_subject(experiment, name, values)
            subject.check_bounds(lower, upper)
            varied.append(Varied(subject, lower, upper))
        subject = varied[0].subject
        folder = output_folder or new_folder(Path(), "-".join(keys))
        made = begun(varied[0], wanted, folder, varied[1] if len(varied) == 2 else None)
        say(f"{subject.title or experiment}: {', '.join(one.shown for one in varied)}")
        try:
            with ended_as_by_ctrl_c():
                made = conduct(subject, made, folder, values, say)
        except KeyboardInterrupt:
            say(f"interrupted; everything is undone, and the same call goes on: {folder / FILE}")
            raise SystemExit(INTERRUPTED) from None
    conclusion = judged(made)
    if output == "json":
        say_json({**made.to_json(), "conclusion": conclusion.to_json()})
    else:
        click.echo(summary(made, conclusion))
        click.echo(f"journal: {folder / FILE}")
    raise SystemExit(conclusion.exit_code)
