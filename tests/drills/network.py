"""The network between any two parts, on its bad days."""

from tests.drills.registry import fault
from tests.drills.scene import Scene

SHORT_LINKS = 3


def _each_link(scene: Scene, short: float, long: float, **weather: object) -> None:
    """One connection after the other; in the short form some of them, by chance."""
    links = list(scene.rig.gates)
    chosen = links if scene.long else scene.random.sample(links, SHORT_LINKS)
    for link in chosen:
        _weather(scene, link, scene.pick(short, long), weather)


def _weather(scene: Scene, link: str, seconds: float, weather: dict[str, object]) -> None:
    gate = scene.rig.gates[link]
    before = gate.mishaps
    with gate.weather(**weather):
        scene.pause(seconds)
        scene.until(lambda: gate.mishaps > before, f"the weather to be felt on {link}")
    if link == "notifier-SES" and "slow" not in weather:  # what SES took may have been told to nobody
        scene.mail_answers_lost += gate.mishaps - before
    scene.note(f"{link}: {weather}, felt {gate.mishaps - before} times")


@fault("network cut", kind="network cut", mails=True)
def cut(scene: Scene) -> None:
    _each_link(scene, 3, 20, cut=True)


@fault("network a black hole", kind="network black hole", mails=True)
def black_hole(scene: Scene) -> None:
    """In the long form for longer than any timeout that the services have."""
    _each_link(scene, 4, 35, held=True)


@fault("network slow", kind="network slow", mails=True)
def slow(scene: Scene) -> None:
    _each_link(scene, 4, 20, slow=scene.random.uniform(0.005, 0.04))


@fault("resets in mid-answer", kind="reset in mid-answer", mails=True)
def resets(scene: Scene) -> None:
    _each_link(scene, 4, 20, broken=scene.random.uniform(0.1, 0.4))


@fault("answers to COMMIT lost", kind="answer to COMMIT lost", mails=True)
def lost_commits(scene: Scene) -> None:
    """What was committed was not known to be."""
    gates = [scene.rig.gates[f"{who}-PostgreSQL"] for who in ("consumer", "notifier")]
    weather = {"broken": 0.5, "after": b"COMMIT"}
    before = [gate.mishaps for gate in gates]
    with gates[0].weather(**weather), gates[1].weather(**weather):
        scene.pause(scene.pick(6, 60))
        felt = "an answer to COMMIT to be lost on either connection"
        scene.until(lambda: all(gate.mishaps > earlier for gate, earlier in zip(gates, before, strict=True)), felt)
