"""What a schedule that was stopped or killed left behind: flow runs that nobody runs any more, a day without a run."""

from datetime import date
from typing import Any
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Crashed

from flows.home.home import Home
from flows.home.served import missed_run

STOPPED = "the process that ran it was stopped; what it had committed stays, and the schedule does the day again"
UNFINISHED = (StateType.RUNNING, StateType.PENDING, StateType.CANCELLING)


def crash_stopped_runs(home: Home) -> int:
    """Mark the home's scheduled flow runs that are unfinished as crashed and return how many: nobody runs them now."""
    with get_client(sync_client=True) as client:
        left = [run for run in _flow_runs(client, UNFINISHED, home) if run.deployment_id is not None]
        for run in left:
            client.set_flow_run_state(run.id, Crashed(message=STOPPED), force=True)
    return len(left)


def redo_missed_day(home: Home, daily_deployment: UUID) -> date | None:
    """Schedule the run of the day that is due and has none, unless one waits already; return the day."""
    missed = missed_run(home)
    if missed is None:
        return None
    with get_client(sync_client=True) as client:
        waiting = _flow_runs(client, (StateType.SCHEDULED,), home)
        times = [run.expected_start_time for run in waiting if run.deployment_id == daily_deployment]
        if any(time is not None and time <= home.now() for time in times):
            return None
        client.create_flow_run_from_deployment(daily_deployment, parameters={"as_of": missed.day.isoformat()})
    return missed.day


def _flow_runs(client: Any, types: tuple[StateType, ...], home: Home) -> list[FlowRun]:
    wanted = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(types))))
    found = client.read_flow_runs(flow_run_filter=wanted)
    return [run for run in found if str(run.parameters.get("home")) == str(home.path.resolve())]
