"""The control API: how an experimenter directs the endpoint, and what Monitoring would show.

    GET    /state              endpoint, place, services, executions, calls so far
    POST   /rules              misbehave so: see `Rule`
    DELETE /rules              behave again
    POST   /deploy             somebody else changes a service: see `Deployment`
    GET    /instances?service=NAME   its instances with what they printed: see `Instances.listed`
    GET    /output?task=NAME   the last output of a task, as text

Errors are `{"error": "one line"}`.
"""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from chaosnetra.cloudrun.emulator.answers import Refused
from chaosnetra.cloudrun.emulator.controls import Rule
from chaosnetra.cloudrun.emulator.server import LocalCloudRun
from chaosnetra.errors import InvalidInput
from chaosnetra.relay.bodies import control_application, read_json


def control_api(local: LocalCloudRun) -> Starlette:
    """The API as an ASGI application."""

    def state(request: Request) -> Response:  # noqa: ARG001 - Starlette gives it
        return JSONResponse(local.state())

    async def add_rule(request: Request) -> Response:
        local.rules.add(Rule.parse(await read_json(request)))
        return JSONResponse({"rules": local.rules.left})

    def clear_rules(request: Request) -> Response:  # noqa: ARG001
        local.rules.clear()
        return JSONResponse({"rules": 0})

    async def deploy(request: Request) -> Response:
        data = await read_json(request)
        try:
            local.deploy(data)
        except (Refused, KeyError, TypeError, ValueError, AttributeError) as error:
            raise InvalidInput(f"it cannot be deployed: {error}") from None
        return JSONResponse(local.state())

    def output(request: Request) -> Response:
        try:
            raw = local.output(request.query_params.get("task", ""))
        except Refused as error:
            raise InvalidInput(error.text) from None
        return PlainTextResponse(raw.decode(errors="replace"))

    def instances(request: Request) -> Response:
        try:
            found = local.listed_instances(request.query_params.get("service", ""))
        except Refused as error:
            raise InvalidInput(error.text) from None
        return JSONResponse({"instances": found})

    return control_application(
        [
            Route("/state", state),
            Route("/rules", add_rule, methods=["POST"]),
            Route("/rules", clear_rules, methods=["DELETE"]),
            Route("/deploy", deploy, methods=["POST"]),
            Route("/instances", instances),
            Route("/output", output),
        ]
    )
