"""What a schedule that was stopped or killed left behind: flow runs that nobody runs any more, a day without a run."""

from datetime import date
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Crashed

from flows.home.home import Home
from flows.home.served import missed_run

STOPPED = "the process that ran it was stopped; what it had committed stays, and the schedule does the day again"
UNFINISHED = (StateType.RUNNING, StateType.PENDING, StateType.CANCELLING)


def crash_stopped_runs(home: Home) -> int:
    """Mark the home's scheduled flow runs that are unfinished as crashed and return how many: nobody runs them now."""
    with get_client(sync_client=True) as client:
        unfinished = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(UNFINISHED))))
        left = [run for run in client.read_flow_runs(flow_run_filter=unfinished) if _is_scheduled_for(run, home)]
        for run in left:
            client.set_flow_run_state(run.id, Crashed(message=STOPPED), force=True)
    return len(left)


def redo_missed_day(home: Home, daily_deployment: UUID) -> date | None:
    """Schedule the run of the day that is due and has none, unless one waits already; return the day."""
    missed = missed_run(home)
    if missed is None:
        return None
    waiting = FlowRunFilter(
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
        deployment_id=FlowRunFilterDeploymentId(any_=[daily_deployment]),
        expected_start_time=FlowRunFilterExpectedStartTime(before_=home.now()),  # type: ignore[arg-type] # converted
    )
    with get_client(sync_client=True) as client:
        if client.read_flow_runs(flow_run_filter=waiting, limit=1):
            return None
        client.create_flow_run_from_deployment(daily_deployment, parameters={"as_of": missed.day.isoformat()})
    return missed.day


def _is_scheduled_for(run: FlowRun, home: Home) -> bool:
    return run.deployment_id is not None and str(run.parameters.get("home")) == str(home.path.resolve())
