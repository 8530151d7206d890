"""What a campaign found, as counts."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.long.crash.disturbances import Disturbance, Kind
from tests.long.crash.plan import Rehearsal

LATE_SECONDS = 5.0


@dataclass
class Outcome:
    """What became of one disturbed run.

    Attributes:
        done: False when the run had ended before.
        felt: whether the run, or what took its faults back, met a wedged server.
        left: leftovers, after the watchdog had its time and `recover` was called.
        by_hand: leftovers that it took `recover` to remove.
        wrong: what else is not as it should be: a run without an end, an untrue verdict.
        unreadable: what is wrong in files of evidence.
        files: which of them there are, and whether they are readable.
    """

    disturbance: Disturbance
    place: str
    done: bool
    felt: bool = False
    returncode: int | None = None
    run_seconds: float = 0.0
    clean_seconds: float = 0.0
    verdict: str = "no verdict"
    left: list[str] = field(default_factory=list)
    by_hand: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    files: dict[str, bool] = field(default_factory=dict)
    output: str = ""

    @property
    def good(self) -> bool:
        return not (self.left or self.by_hand or self.wrong or self.unreadable)

    @property
    def line(self) -> str:
        what = self.disturbance
        ended = f"exit {self.returncode} after {self.run_seconds:.1f} s, {self.verdict}"
        return (
            f"{what.name}{'' if self.done else ' (too late)'}: {what.experiment.stem}, "
            f"{what.variant}, {self.place}: {ended}, "
            f"{'LEFT' if self.left else 'clean'} in {self.clean_seconds:.2f} s"
            + "".join(
                f"\n  {title}: {text}"
                for title, texts in (
                    ("left", self.left),
                    ("needed recover", self.by_hand),
                    ("wrong", self.wrong),
                    ("unreadable", self.unreadable),
                )
                for text in texts
            )
            + ("" if self.good else f"\n  output of the run:\n{self.output}")
        )


@dataclass
class Report:
    """The counts of a campaign."""

    rehearsals: list[Rehearsal] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def bad(self) -> list[Outcome]:
        return [each for each in self.outcomes if not each.good]

    @property
    def text(self) -> str:
        done = [each for each in self.outcomes if each.done]
        killed_at = {
            (each.disturbance.experiment, each.disturbance.variant, each.disturbance.boundary)
            for each in self.outcomes
            if each.disturbance.kind is Kind.KILL and each.disturbance.boundary is not None
        }
        boundaries = sum(len(each.boundaries) for each in self.rehearsals)
        lines = [
            f"{len(self.outcomes)} runs, {len(done)} disturbed before their end",
            _counted("kills", (each.disturbance.name for each in self.outcomes)),
            _counted(
                "of these too late", (e.disturbance.name for e in self.outcomes if not e.done)
            ),
            _counted("a wedge was felt by", (e.disturbance.name for e in self.outcomes if e.felt)),
            _counted("places", (each.place for each in self.outcomes)),
            f"boundaries with a kill -9: {len(killed_at)} of {boundaries}",
            _counted("parts", (each.disturbance.variant for each in self.outcomes)),
            _counted("exits", (f"{e.disturbance.kind} {e.returncode}" for e in self.outcomes)),
            _counted("verdicts", (f"{e.disturbance.kind} {e.verdict}" for e in self.outcomes)),
        ]
        slowest: dict[str, float] = {}
        for each in self.outcomes:
            kind = each.disturbance.kind
            slowest[kind] = max(slowest.get(kind, 0.0), each.clean_seconds)
        lines.append(
            "longest time to clean: "
            + ", ".join(f"{kind} {seconds:.2f} s" for kind, seconds in sorted(slowest.items()))
        )
        late = (e.disturbance.name for e in self.outcomes if e.clean_seconds > LATE_SECONDS)
        lines.append(_counted(f"clean later than {LATE_SECONDS:g} s", late))
        for title, of in (
            ("leftovers", [what for each in self.outcomes for what in each.left]),
            ("needed recover", [what for each in self.outcomes for what in each.by_hand]),
            ("wrong", [what for each in self.outcomes for what in each.wrong]),
        ):
            lines.append(f"{title}: {len(of)}")
            lines += [f"  {what}" for what in of]
        for name in ("journal", "events"):
            found = [each.files[name] for each in self.outcomes if name in each.files]
            lines.append(f"{name} readable: {sum(found)} of {len(found)}")
        unreadable = [what for each in self.outcomes for what in each.unreadable]
        lines += [f"  {what}" for what in unreadable]
        return "\n".join(lines)


def _counted(title: str, names: Iterable[str]) -> str:
    counts = Counter(names)
    return f"{title}: " + (", ".join(f"{k} {v}" for k, v in sorted(counts.items())) or "none")
