"""Inspects what an experiment would act on, and plans it. Changes nothing."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.cloudrun.executions import JobState
from chaosnetra.cloudrun.jobs import require_at_once, require_fit
from chaosnetra.cloudrun.names import shown
from chaosnetra.cloudrun.scaling_plan import plan_scaling
from chaosnetra.cloudrun.state import ServiceState
from chaosnetra.cloudrun.target import CloudRun
from chaosnetra.consent.demands import (
    Connections,
    PlannedActivity,
    connections_of,
    fills_path,
    is_for_own_machine,
    is_on_path,
    judges_instances,
    measuring_seconds,
    needs_connector,
    puts_on_path,
    restores_scaling,
    tasks_of,
    total_connections,
    wanted_scaling,
)
from chaosnetra.consent.plan import (
    Arithmetic,
    ExperimentPlan,
    InstanceChange,
    PathPlan,
    digest,
)
from chaosnetra.errors import (
    ChaosnetraError,
    CloudRunQuotaExceeded,
    CloudRunUnanswered,
    DatabaseUnavailable,
    InvalidInput,
)
from chaosnetra.postgres.connect import Slots, slots
from chaosnetra.running.cloud_run_job import CloudRunJob
from chaosnetra.running.in_tasks import (
    check_job_variables,
    ordered_variables,
    refuse_checked_name,
)
from chaosnetra.running.job_launcher import JobLauncher
from chaosnetra.running.launching import limits_of
from chaosnetra.running.local_path import DATABASE_PROXY
from chaosnetra.running.session import Session
from chaosnetra.settings import setting_hint
from chaosnetra.startup.orders import measuring_groups
from chaosnetra.text import are, how_many

DATABASE_SECONDS = 10.0
# What the Chaos Toolkit or its command line change in an experiment before it is run.
NOT_CONTENT = ("title", "dry", "runtime", "extensions")
_SCALED = "chaosnetra.cloudrun."
TASK_SETTINGS = (
    "time_scale",
    "startup_timeout_seconds",
    "readiness",
    "readiness_timeout_seconds",
    "barrier_seconds",
    "job_hold_seconds",
)


def content_digest(experiment: Mapping[str, Any]) -> str:
    """Of what an experiment's file says."""
    return digest({key: value for key, value in experiment.items() if key not in NOT_CONTENT})


def inspect_experiment(
    session: Session, experiment: Mapping[str, Any], steps: Sequence[PlannedActivity]
) -> ExperimentPlan:
    """Plan an experiment against what is there now.

    Args:
        session: of the run, or of the command that only plans.
        experiment: as it was loaded.
        steps: its activities of ours, variables replaced.

    Returns:
        The plan; what the guard refuses, and what cannot be done as it stands, is in it.

    Raises:
        ChaosnetraError: something cannot be inspected: no credentials, no such service, …
    """
    return _Inspection(session, steps).plan(experiment)


def database_of(session: Session) -> DatabaseAddress | None:
    """The database that a run of these settings meets, without making anything in it."""
    if session.settings.database is not None:
        return session.settings.database
    from chaosnetra.stand.persistent import find_persistent_stand

    standing = find_persistent_stand()
    if standing is None or (session.settings.in_staging and standing.cloud_run is None):
        return None
    return DatabaseAddress.parse(standing.database_url)


@dataclass
class _Inspection:
    session: Session
    steps: Sequence[PlannedActivity]
    target: dict[str, Any] = field(default_factory=dict)
    lasting: dict[str, Any] = field(default_factory=dict)
    execution_seconds: float = 0.0
    warnings: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)

    def plan(self, experiment: Mapping[str, Any]) -> ExperimentPlan:
        settings = self.session.settings
        self._find_endpoint()
        for step in self.steps:
            if is_for_own_machine(step):
                self._permitted(partial(self.session.require_local, step.shown))
            elif is_on_path(step):
                self._permitted(partial(self._check_path, step))
        tasks = tasks_of(self.steps) if settings.in_staging else 0
        changes = self._changes() if self._scales else []
        job = self._job(tasks) if tasks else None
        self._cloud_sql_instance()
        arithmetic = self._arithmetic(changes, tasks)
        return ExperimentPlan(
            title=str(experiment.get("title")),
            content=content_digest(experiment),
            environment=f"{settings.environment}{', rehearsed' if settings.is_rehearsal else ''}",
            target=self.target,
            steps=self.steps,
            changes=changes,
            arithmetic=arithmetic,
            path=self._path(tasks, job),
            tasks=tasks,
            task_settings=self._task_settings if tasks else {},
            pool={
                "size": settings.profile.pool.size,
                "max_overflow": settings.profile.pool.max_overflow,
                "per_startup": self._per_startup,
            },
            seconds=self.session.guard.seconds,
            allowed=self.session.guard.allowed,
            lasting=self.lasting,
            execution_seconds=self.execution_seconds,
            warnings=self.warnings,
            refusals=self.refusals,
        )

    @property
    def _scales(self) -> bool:
        return any(step.module.startswith(_SCALED) for step in self.steps)

    def _find_endpoint(self) -> None:
        from chaosnetra.stand.persistent import find_persistent_stand

        settings = self.session.settings
        if settings.in_staging or settings.cloud_run_endpoint or not self._scales:
            return
        standing = find_persistent_stand()
        if standing is None or standing.cloud_run is None:
            raise InvalidInput(
                "there is nothing to inspect: a local run brings its own endpoint; "
                "`chaosnetra stand up --cloud-run` keeps one",
                f"{setting_hint('environment')} to staging",
            )

    def _changes(self) -> list[InstanceChange]:
        cloud_run = self.session.cloud_run
        guard = self.session.guard
        self.target["endpoint"] = cloud_run.connection.shown
        if not self._permitted(lambda: guard.check_name(cloud_run.service)):
            return []  # it is not even read
        state = cloud_run.services.service(cloud_run.service)
        self.target["service"] = {"name": state.name, "uid": state.uid, "etag": state.etag}
        self.lasting["service"] = state.lasting
        if not self._permitted(lambda: guard.check_resource(state)):
            return []
        return self._scalings(cloud_run, state)

    def _scalings(self, cloud_run: CloudRun, state: ServiceState) -> list[InstanceChange]:
        changes: list[InstanceChange] = []
        now = state
        for step in self.steps:
            if restores_scaling(step):
                now = state
            try:
                wanted = wanted_scaling(step)
                if wanted is None:
                    continue
                scaling = plan_scaling(now, wanted)
                if not changes:
                    cloud_run.services.try_out(scaling)
            except (CloudRunUnanswered, CloudRunQuotaExceeded):
                raise  # an outage refuses nothing
            except ChaosnetraError as error:
                self.refusals.append(f"{step.name}: {error}")
                break
            asked = scaling.instances_asked
            self._permitted(partial(self.session.guard.check_cap, "instances", asked))
            self.warnings += scaling.warnings
            changes.append(
                InstanceChange(step.name, scaling, now.instance_bounds[0], scaling.instances)
            )
            now = replace(now, scaling=scaling.after)
            if scaling.instances == 0 and any(judges_instances(one) for one in self.steps):
                self.refusals.append(
                    f"{step.name}: it binds the service to no instance, so that instances_start "
                    "sees no startup; scale it to 1 or more"
                )
        self._warn(state, changes)
        return changes

    def _warn(self, state: ServiceState, changes: Sequence[InstanceChange]) -> None:
        more = max((change.after for change in changes), default=0) - state.instance_bounds[0]
        if more > 0:
            self.warnings.append(
                f"cost: {how_many(more, 'more instance')} {are(more)} billed until the service is "
                f"restored, also while nothing is served: up to "
                f"{more * self.session.guard.seconds:g} instance-seconds"
            )
        if more > 0 and state.connector:
            self.warnings.append(
                f"connector: {state.connector} may grow under it, and does not shrink again by "
                "itself nor by a rollback: note its instances before and after"
            )
        if not state.labels and self.session.guard.allowed is None:
            self.warnings.append(f"{shown(state.name)} has no label: staging would refuse it")

    def _job(self, tasks: int) -> JobState | None:
        cloud_run, guard = self.session.cloud_run, self.session.guard
        self.target["endpoint"] = cloud_run.connection.shown
        if not self._permitted(lambda: guard.check_name(cloud_run.job)):
            return None  # it is not even read
        job = cloud_run.jobs.job(cloud_run.job)
        self.target["job"] = {"name": job.name, "uid": job.uid, "etag": job.etag}
        self.lasting["job"] = job.lasting
        limits = limits_of(self.session, self.session.settings.readiness_timeout_seconds)
        engine = CloudRunJob(self.session, job)
        self.execution_seconds = JobLauncher(self.session, engine, tasks, limits).longest_seconds
        scale, groups = self.session.settings.time_scale, measuring_groups(tasks)
        self._permitted(partial(self._add_measuring, groups, scale))
        for check in (
            lambda: guard.check_resource(job),
            lambda: guard.check_cap("tasks", tasks),
            lambda: require_fit(job),
            lambda: require_at_once(job, tasks),
        ):
            self._permitted(check)
        return job

    def _add_measuring(self, groups: int, scale: float) -> None:
        self.execution_seconds += groups * measuring_seconds(self.steps, scale)

    def _path(self, tasks: int, job: JobState | None) -> PathPlan | None:
        """What stands before the database of a run in staging, and of its tasks."""
        if not self.session.settings.in_staging or not any(map(is_on_path, self.steps)):
            return None
        address = database_of(self.session)
        if address is not None:
            self._permitted(partial(refuse_checked_name, address))
        variables: Mapping[str, str] = {}
        if tasks:
            for step in filter(fills_path, self.steps):
                self.refusals.append(
                    f"{step.shown} fills the path of this run alone, and each task has a path of "
                    "its own: hold the connections through direct, or run it locally"
                )
            try:
                variables = ordered_variables(self.session.settings, self.session.redactor)
                if job is not None:
                    self.warnings += check_job_variables(variables, job.variables)
            except InvalidInput as error:
                self.refusals.append(str(error))
        return PathPlan(list(filter(puts_on_path, self.steps)), variables)

    def _check_path(self, step: PlannedActivity) -> None:
        local = self.session.local
        local.check_proxy(str(step.all_arguments().get("proxy", DATABASE_PROXY)))
        if needs_connector(step):
            local.require_connector()

    def _cloud_sql_instance(self) -> None:
        """The one that sessions are opened at, or that evidence is read of."""
        instance = self.session.settings.cloud_sql_instance
        if instance and self.session.settings.in_staging:
            self.target["cloud_sql_instance"] = instance
            self._permitted(lambda: self.session.guard.check_cloud_sql_instance(instance))

    def _arithmetic(self, changes: Sequence[InstanceChange], tasks: int) -> Arithmetic | None:
        address = database_of(self.session)
        if address is None:
            if self.session.settings.in_staging and (changes or tasks):
                self.refusals.append(
                    "no database is named, so no lease would keep other runs away; set "
                    + setting_hint("database_url")
                )
            return None
        self.target["database"] = address.shown
        configured = self.session.settings.database is not None
        if configured and not self._permitted(lambda: self.session.guard.check_database(address)):
            return None  # it is not even asked
        found: Slots | None = None
        try:
            found = asyncio.run(slots(address, DATABASE_SECONDS))
        except DatabaseUnavailable as error:
            self.refusals.append(str(error))
        pool = self.session.settings.profile.pool
        opened: list[Connections] = []
        try:
            free = found.free if found else 0
            opened = connections_of(self.steps, pool, free, self._per_startup)
        except InvalidInput as error:
            self.refusals.append(str(error))
        before = changes[0].before if changes else 0
        after = max((change.after for change in changes), default=0)
        new = max(0, after - before) * pool.connections
        total = new + total_connections(opened)
        if found is not None:
            free = found.free
            self._permitted(lambda: self.session.guard.check_connections(total, free))
        return Arithmetic(pool, before, after, opened, total, found)

    @property
    def _per_startup(self) -> int:
        given, pool = self.session.settings.job_connections, self.session.settings.profile.pool
        return pool.connections if given is None else given

    @property
    def _task_settings(self) -> dict[str, Any]:
        """What decides what tasks do, beside the experiment's own arguments."""
        settings = self.session.settings
        return {
            "profile": settings.profile.name,
            **{name: getattr(settings, name) for name in TASK_SETTINGS},
        }

    def _permitted(self, check: Callable[[], object]) -> bool:
        try:
            check()
        except ChaosnetraError as error:
            self.refusals.append(str(error))
            return False
        return True
