"""The clock steps back: the producer's, AWS's (arrival times, sequence numbers), and PostgreSQL's as SQL sees it."""

from infra.local.postgres import DATABASE
from tests.drills.database import SERVICES_OUT, administration
from tests.drills.registry import fault
from tests.drills.scene import Scene

# Found before PostgreSQL's own, by whoever connects from then on.
MOVE = [
    "CREATE SCHEMA moved",
    *(
        f"CREATE FUNCTION moved.{name}() RETURNS timestamptz LANGUAGE sql STABLE "
        f"AS $$ SELECT pg_catalog.{name}() + interval '%s s' $$"
        for name in ("now", "clock_timestamp")
    ),
    f"ALTER DATABASE {DATABASE} SET search_path = moved, pg_catalog, public",
    SERVICES_OUT.replace("%", "%%"),
]
SET_RIGHT = [f"ALTER DATABASE {DATABASE} RESET search_path", "DROP SCHEMA moved CASCADE", SERVICES_OUT]


@fault("the clock steps back", kind="clock steps back", mails=True)
def steps_back(scene: Scene) -> None:
    """Far in the database too, and forward again in the end: so the mail, which goes by its clock, is not held up."""
    seconds = -scene.random.randint(60, 3600)
    with administration(scene, DATABASE) as cursor:
        scene.rig.sabotage.move_clock(seconds)
        for statement in MOVE:
            cursor.execute(statement % seconds if "%s" in statement else statement.replace("%%", "%"))
        try:
            scene.note(f"the clock is {-seconds} s back")
            scene.until_more(500, "the consumer to go on with the clock back")
            scene.pause(scene.pick(4, 60))
        finally:
            for statement in SET_RIGHT:
                cursor.execute(statement)
            scene.rig.sabotage.move_clock(0)
