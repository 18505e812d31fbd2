"""Who is let in, and to what."""

import re
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor

import httpx
import pytest
from sqlalchemy import Engine, text

from consumer.console import login_pages, users
from consumer.console.roles import Role
from consumer.console.users import Refused
from consumer.console.web import HEADERS, Site
from tests.integration.console.conftest import LogIn
from tests.integration.console.serving import PASSWORD

OPEN = {("GET", "/login"), ("POST", "/login"), ("GET", "/login/console.css"), ("GET", "/login/icon.svg")}


def filled(path: str) -> str:
    return re.sub(r"\{\w+(:int)?\}", "1", path)


def csrf(client: httpx.Client) -> str:
    found: str
    (found,) = set(re.findall(r'name="csrf" (?:content|value)="(\w+)"', client.get("/anomalies").text))
    return found


def test_every_route_has_a_role(site: Site) -> None:
    """Complete by construction: what the app serves is what was registered with a role, or is the log-in."""
    served = {(method, route.path) for route in site.app.routes for method in route.methods}  # type: ignore[attr-defined]
    assert served == set(site.roles)
    assert {key for key, role in site.roles.items() if role is None} == OPEN


def test_nothing_answers_a_stranger_but_the_log_in(site: Site, stranger: httpx.Client) -> None:
    for method, path in [*sorted(set(site.roles) - OPEN), ("GET", "/nothing"), ("GET", "/static/..%2fmain.py")]:
        answer = stranger.request(method, filled(path))
        if method == "GET":
            assert (answer.status_code, answer.headers["location"].split("?")[0]) == (303, "/login"), path
        else:
            assert answer.status_code == 401, path
    for method, path in OPEN - {("POST", "/login")}:
        assert stranger.request(method, path).status_code == 200


@pytest.mark.parametrize("role", list(Role))
def test_each_role_may_do_its_own(site: Site, log_in: LogIn, role: Role) -> None:
    client = log_in(role.value)
    token = csrf(client)
    for (method, path), wanted in site.roles.items():
        if wanted is None or path == "/logout":
            continue
        form = {"csrf": token} if method == "POST" else None
        with client.stream(method, filled(path), data=form) as answer:  # one of them never ends
            pass
        assert (answer.status_code == 403) == (not role.includes(wanted)), (method, path)


def test_every_answer_has_the_headers_that_protect_it(stranger: httpx.Client) -> None:
    for path in ("/login", "/anomalies", "/nothing"):
        answer = stranger.get(path)
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS, path
        assert "unsafe" not in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("name", "password"), [("admin", "wrong"), ("nobody", PASSWORD), ("", ""), ("admin", "x" * 9999)]
)
def test_who_is_not_known_stays_outside(stranger: httpx.Client, people: None, name: str, password: str) -> None:
    answer = stranger.post("/login", data={"name": name, "password": password})
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert "Name or password is wrong" in answer.text


def test_guesses_are_slowed_down_and_then_a_right_one_tells_nothing(
    stranger: httpx.Client, people: None, owner: Engine
) -> None:
    for _ in range(5):
        answer = stranger.post("/login", data={"name": "admin", "password": "wrong"})
    assert "wait 2 s" in answer.text
    assert stranger.post("/login", data={"name": "admin", "password": PASSWORD}).status_code == 401
    with owner.begin() as connection:
        connection.execute(text("UPDATE users SET locked_until = now() - interval '1 second'"))
    assert stranger.post("/login", data={"name": "admin", "password": PASSWORD}).status_code == 303


def test_a_session_that_was_planted_is_worth_nothing(stranger: httpx.Client, people: None) -> None:
    planted = {"cookie": f"session={'a' * 43}"}
    form = {"name": "admin", "password": PASSWORD}
    assert "a" * 43 not in stranger.post("/login", data=form, headers=planted).headers["set-cookie"]
    stranger.cookies.clear()
    assert stranger.get("/anomalies", headers=planted).status_code == 303


def test_a_form_of_another_site_does_nothing(log_in: LogIn) -> None:
    client = log_in("admin")
    token = csrf(client)
    assert client.post("/logout", data={"csrf": "0" * 64}).status_code == 403
    assert client.post("/logout").status_code == 403
    other = {"origin": "https://evil.example"}
    assert client.post("/logout", data={"csrf": token}, headers=other).status_code == 403
    assert client.post("/login", data={"name": "admin", "password": PASSWORD}, headers=other).status_code == 403
    assert client.post("/logout", data={"csrf": token}).status_code == 303
    assert client.get("/anomalies").status_code == 303


@pytest.mark.parametrize(
    "to", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "\n//x"]
)
def test_nobody_is_sent_elsewhere(stranger: httpx.Client, people: None, to: str) -> None:
    answer = stranger.post("/login", data={"name": "admin", "password": PASSWORD, "to": to})
    assert answer.headers["location"] == "/"


def test_whoever_is_disabled_is_out_at_once(log_in: LogIn, owner: Engine) -> None:
    client = log_in("viewer")
    assert client.get("/anomalies").status_code == 200
    with owner.begin() as connection:
        connection.execute(text("UPDATE users SET disabled_at = now() WHERE name = 'viewer'"))
    assert client.get("/anomalies").status_code == 303


def test_only_so_many_wait_to_log_in(stranger: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more is told so at once, and whoever waits gets an answer."""
    may_end = threading.Event()

    def slow(*_: object) -> Refused:
        assert may_end.wait(30)
        return Refused()

    monkeypatch.setattr(users, "authenticate", slow)
    monkeypatch.setattr(login_pages, "MOST_WAITING", 1)
    form = {"name": "viewer", "password": "a guess"}
    asked: list[Future[httpx.Response]] = []
    with ThreadPoolExecutor(20) as pool:
        while not any(one.done() for one in asked) and len(asked) < 20:
            asked.append(pool.submit(stranger.post, "/login", data=form, timeout=60))
            time.sleep(0.2)
        may_end.set()
        answers = [one.result() for one in asked]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert "try again in a minute" in refused[0].text
    assert [answer.status_code for answer in answers].count(401) >= login_pages.AT_ONCE + 1
