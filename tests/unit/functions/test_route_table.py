"""The template's routes and the handler's are the same."""

from tests.support.functions import load
from tests.support.template import template

API = load("api")
CATCH_ALL = "/{proxy+}"  # the template's route for what no other route takes
from chalicelib.http.problems import unknown_route  # noqa: E402 - its folder is on the path from here on


def test_the_template_sends_every_route_and_no_other_to_the_handler() -> None:
    events = template()["Resources"]["ApiFunction"]["Properties"]["Events"].values()
    declared = {(event["Properties"]["Method"].upper(), event["Properties"]["Path"]) for event in events}
    handled = {(method, path) for path, methods in API.app.routes.items() for method in methods}
    others = {(method, "/") for method in ("HEAD", "POST", "PUT", "PATCH", "DELETE")}
    elsewhere = {(method, CATCH_ALL) for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")} | others
    assert declared == handled | elsewhere


def test_an_unknown_path_is_404_and_another_method_405() -> None:
    routes = API.app.routes
    assert unknown_route("/nothing", "GET", routes).status == 404
    wrong = unknown_route("/jobs/X/download/360p", "POST", routes)
    assert (wrong.status, wrong.headers) == (405, {"Allow": "GET"})
    assert unknown_route("/jobs/", "GET", routes).status == 404
