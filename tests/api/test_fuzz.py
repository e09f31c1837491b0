"""Schemathesis against every route of the composed app: examples, edge values, fuzzing and chains of calls.

Its engine is driven directly, because its pytest plug-in does not follow pytest 9.
"""

from __future__ import annotations

import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, events, from_schema
from schemathesis.engine.recorder import Interaction

from tests.api.composed import Composed

BUDGET = 200
"""Generated requests per phase, shared by all operations so that the test stays short as they become many."""

IN_A_LANGUAGE = [
    "/v1/audiences/count",
    "/v1/audiences/overlap",
    "/v1/audiences/{key}/export",
    "/v1/definitions/plan",
    "/v1/definitions/apply",
]
"""Routes that take rules or definitions: no schema says which texts are any."""


def findings(composed: Composed) -> tuple[dict[str, str], set[str]]:
    """Run everything that schemathesis has; return what it found, and the operations that it asked."""
    examples = max(8, BUDGET // len(_operations(composed)))
    config = SchemathesisConfig.from_dict(
        {
            "auth": {"openapi": {"bearerKey": {"bearer": composed.own_key}}},
            # A body may be wrong and too long at the same time.
            "checks": {"negative_data_rejection": {"expected-statuses": ["4xx", "5xx"]}},
            "operations": [
                {
                    "include-path": IN_A_LANGUAGE,
                    "checks": {
                        "positive_data_acceptance": {"expected-statuses": ["2xx", "404", "409", "422"]}
                    },
                }
            ],
            "generation": {"max-examples": examples, "deterministic": True, "no-shrink": True},
        }
    )
    schema = schemathesis.openapi.from_asgi("/openapi.json", composed.app, config=config)
    found: dict[str, str] = {}
    asked: set[str] = set()
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            asked.add(event.recorder.label)
            for case, checks in event.recorder.checks.items():
                for check in checks:
                    if check.status is Status.FAILURE and check.failure_info:
                        failure = check.failure_info.failure
                        name = f"{event.recorder.label}: {check.name}"
                        found[name] = f"{failure}\n{_told(event.recorder.interactions[case])}"
        elif isinstance(event, events.NonFatalError | events.FatalError):
            found[f"error: {getattr(event, 'label', '')}"] = repr(getattr(event, "value", event))
    return found, asked


def _operations(composed: Composed) -> set[str]:
    paths = composed.app.openapi()["paths"]
    return {f"{method.upper()} {path}" for path, item in paths.items() for method in item}


def _told(interaction: Interaction) -> str:
    sent, answer = interaction.request, interaction.response
    body = sent.body.decode(errors="replace") if sent.body else ""
    said = f"{answer.status_code} {answer.text}" if answer else "no answer"
    return f"{sent.method} {sent.uri} {sent.headers}\n{body}\n{said}"


@pytest.mark.slow
def test_nothing_is_found(composed: Composed) -> None:
    found, asked = findings(composed)
    assert not found, "\n\n".join(f"{name}\n{what}" for name, what in found.items())
    assert _operations(composed) <= asked
