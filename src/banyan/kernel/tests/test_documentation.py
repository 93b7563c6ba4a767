"""The documentation is ninja's own, made with fewer models: a web process starts with them."""

from __future__ import annotations

from ninja.openapi.schema import get_schema

from banyan.config.urls import api


def test_operations_that_answer_the_same_share_one_model() -> None:
    answers = [
        (model.model_fields["response"].annotation, model)
        for router in api._get_bound_routers()
        for view in router.path_operations.values()
        for operation in view.operations
        for model in operation.response_models.values()
        if isinstance(model, type)
    ]
    assert len(answers) > 1_000
    assert len({id(model) for _, model in answers}) == len({annotation for annotation, _ in answers}) < 400


def test_the_document_is_the_same_as_made_operation_by_operation() -> None:
    made = api.get_openapi_schema()
    assert made == get_schema(api, api.get_root_path({}))
    assert len(made["paths"]) > 150
