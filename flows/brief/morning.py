"""The morning brief after a daily run: written into the home, mailed if the settings say so. It never fails the run.

After an embargo it is drawn anew with the layers and the report.
"""

import shutil
from dataclasses import replace

from flows.brief.make import MadeBrief, make_brief
from flows.brief.state import LastBrief, read_last_brief, write_last_brief
from flows.home.home import Home
from flows.outputs.render import write_outputs
from pipeline.complete_folder import completed_folder
from pipeline.database import explained
from pipeline.errors import HalfDoneError, HarmspotError, PublicationError
from pipeline.messages.mail import send_mail
from pipeline.privacy.pii_guard import without_people
from pipeline.publication.duckdb_file import version_of
from pipeline.publication.publish import runs

KEPT_DAYS = 14  # folders of briefs in a home
TRIES = 3  # as another publication may take the place of the one that is read


def morning_brief(home: Home, run_id: str) -> None:
    """Write and mail the brief of a run that is the latest, usable and valid; log a warning if it cannot be done.

    The brief of a run is mailed once.
    """
    try:
        if home.settings.schedule.brief and _is_of_today(home, run_id):
            _do(home, run_id)
    except Exception as error:  # whatever is wrong with a brief, the run is published and complete
        home.warn(f"  no morning brief of run {run_id}: {_told(error)}")


def redraw(home: Home) -> None:
    """Draw layers, report and brief of the latest run anew, after an act that removed them.

    Raises
    ------
    HalfDoneError
        They cannot be drawn: the act is recorded, and the message names what draws them.
    """
    try:
        write_outputs(home)
    except (HarmspotError, OSError) as error:
        raise HalfDoneError(
            f"the act is recorded, and the layers and the report of before are removed, but new ones cannot be drawn: "
            f"{explained(error)}. When that is mended, draw them: `harmspot layers`, then `harmspot brief`"
        ) from error
    morning_brief(home, str(runs(home.path)["run_id"].iloc[-1]))


def _is_of_today(home: Home, run_id: str) -> bool:
    """Return whether a run is what the force is to plan with."""
    latest = runs(home.path).iloc[-1]
    return latest["run_id"] == run_id and bool(latest["is_usable"]) and home.now() < latest["valid_to"]


def _do(home: Home, run_id: str) -> None:
    before = read_last_brief(home)
    is_mailed = before is not None and before.mailed_run_id == run_id
    last = LastBrief(run_id, mailed_run_id=before.mailed_run_id if before else None)
    try:
        made = write_into_home(home, run_id)
        if before and is_mailed:
            last = replace(last, mail_problem=before.mail_problem)  # some did not get it
        elif _is_mailing(home):
            try:
                last = replace(last, mail_problem=mail_brief(home, made), mailed_run_id=run_id)
            except Exception as error:
                last = replace(last, mail_problem=_told(error))
            if last.mail_problem:
                told = "not mailed to all" if last.mailed_run_id == run_id else "not mailed"
                home.warn(f"  the morning brief of run {run_id} is written, and was {told}: {last.mail_problem}")
    except Exception as error:
        last = replace(last, problem=_told(error))
        raise
    finally:
        write_last_brief(home, last)


def _is_mailing(home: Home) -> bool:
    """Return whether a home mails its briefs by itself."""
    return home.settings.mail.host is not None and not home.is_rehearsal


def finish_by_hand(home: Home, made: MadeBrief, *, is_mailed: bool) -> str | None:
    """Keep in the home, or mail, a brief that somebody asked for where its daily run could not, and record it.

    A brief of one area, or of a run before that of the latest brief, is mailed only.

    Returns
    -------
    str or None
        Why some recipients did not get it.

    Raises
    ------
    PublicationError, MailError
        It cannot be kept, or nobody gets it.
    """
    last = read_last_brief(home) or LastBrief(made.run_id)
    is_the_latest = made.area_id is None and made.run_id in (last.run_id, runs(home.path)["run_id"].iloc[-1])
    if is_the_latest and last.problem:
        if _is_of_today(home, made.run_id):
            write_into_home(home, made.run_id)
        waits = _is_mailing(home) and last.mailed_run_id != made.run_id
        last = replace(last, run_id=made.run_id, problem=None, mail_problem="it was made by hand" if waits else None)
        write_last_brief(home, last)
    problem = mail_brief(home, made) if is_mailed else None
    if is_the_latest and is_mailed:
        write_last_brief(home, LastBrief(made.run_id, mailed_run_id=made.run_id, mail_problem=problem))
    return problem


def _told(error: Exception) -> str:
    return without_people(f"{type(error).__name__}: {error}")


def write_into_home(home: Home, run_id: str) -> MadeBrief:
    """Write the brief of a run into the folder of its day, both files at once; only the last days stay.

    Raises
    ------
    PublicationError
        It cannot be made, or the publication changes again and again meanwhile.
    """
    for _ in range(TRIES):
        version = version_of(home.published)
        made = make_brief(home, run_id)
        with completed_folder(home.briefs / made.day, run_id) as fresh:
            for name, content in made.files.items():
                (fresh / name).write_bytes(content)
            if version_of(home.published) == version:  # else an embargo may have begun
                break
            for name in made.files:
                (fresh / name).unlink()
    else:
        raise PublicationError(f"the publication changed {TRIES} times while the brief of run {run_id} was written")
    days = sorted(path for path in home.briefs.glob("????-??-??") if path.is_dir())
    for old in days[:-KEPT_DAYS]:
        shutil.rmtree(old)
    return made


def mail_brief(home: Home, made: MadeBrief) -> str | None:
    """Send a brief to the recipients of section mail; return why some did not get it.

    Raises
    ------
    MailError
        The server does not take it for anybody.
    """
    brief = made.brief
    text = "\n".join([*brief.alarms, *brief.summary, "", brief.foot])
    subject = f"{brief.title}, {brief.force}, {made.day}"
    with home.apart():
        return send_mail(home.settings.mail, subject, text, made.files, language=brief.language)
