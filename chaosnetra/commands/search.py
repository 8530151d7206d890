"""`chaosnetra search`: how much can it take?"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from chaosnetra.controls.search_consent import Asked
    from chaosnetra.search.beginning import Varied
    from chaosnetra.search.record import Search

REFUSED = 1
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
@click.option(
    "--plan",
    "only_plan",
    is_flag=True,
    help="In staging: say what all trials may do at most, with the hash that consents to it, and "
    "do nothing.",
)
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
    only_plan: bool,
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

    In staging the trials are executions of the job. The whole range is consented to at once, by the
    hash that --plan prints, in CHAOSNETRA_CONSENT; the lease is held from the first trial to the
    last; a crossed abort condition ends the search.

    Exit codes: 0 the search has an answer; 1 the interval does not lie above --at-least, or below
    --at-most, or what --plan shows is refused; 2 trials prove nothing, or the search was stopped,
    or the response is not monotonic, or the call is wrong; 6 interrupted, with everything undone:
    the same call with the same folder goes on.
    """
    from chaosnetra.errors import ChaosnetraError
    from chaosnetra.processes.signals import ended_as_by_ctrl_c
    from chaosnetra.search.beginning import Varied, Wanted, begun
    from chaosnetra.search.conduct import conduct, goes_on
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
        if only_plan:
            _show_plan(varied, made, values, output)
        say(f"{subject.title or experiment}: {', '.join(one.shown for one in varied)}")
        try:
            with ended_as_by_ctrl_c():
                if subject.settings.in_staging and goes_on(made):
                    made = _conduct_in_staging(varied, made, folder, values, say)
                else:
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


def _asked(varied: "Sequence[Varied]", made: "Search", given: Mapping[str, str]) -> "Asked":
    """What is left of a search, as far as consent is about it."""
    from chaosnetra.consent.search_plan import Range
    from chaosnetra.controls.search_consent import Asked

    return Asked(
        varied[0].subject.path,
        tuple(Range(one.subject.key, one.lower, one.upper) for one in varied),
        given,
        made.most_trials - len(made.trials),
        None if made.most_seconds is None else max(0.0, made.most_seconds - made.seconds),
    )


def _show_plan(
    varied: "Sequence[Varied]", made: "Search", given: Mapping[str, str], output: str
) -> None:
    """Print what all trials may do at most, and end.

    Raises:
        InvalidInput: the search is local.
        ChaosnetraError: something cannot be looked at.
        SystemExit: always.
    """
    import json

    from chaosnetra.controls.search_consent import plan_search
    from chaosnetra.errors import InvalidInput
    from chaosnetra.settings import setting_hint

    if not varied[0].subject.settings.in_staging:
        raise InvalidInput(
            "--plan says what a search would do in staging, and this one is local",
            f"{setting_hint('environment')} to staging",
        )
    looked = plan_search(_asked(varied, made, given))
    text = looked.plan.text if output == "text" else json.dumps(looked.plan.to_json(), indent=2)
    click.echo(looked.redactor.text(text))
    raise SystemExit(REFUSED if looked.plan.refusals else 0)


def _conduct_in_staging(
    varied: "Sequence[Varied]",
    made: "Search",
    folder: Path,
    given: Mapping[str, str],
    say: Callable[[str], None],
) -> "Search":
    """As `conduct`, once all of it was consented to, and with the lease held for all of it."""
    from chaosnetra.controls.search_consent import admitted
    from chaosnetra.search.conduct import conduct

    with admitted(_asked(varied, made, given), folder) as admission:
        made = replace(made, most_seconds=made.seconds + admission.most_seconds)
        return conduct(varied[0].subject, made, folder, given, say, admission)
