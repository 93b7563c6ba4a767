"""Returns over HTTP: the terms first, whose paths would else be taken for a return's id."""

from ninja import Router

from banyan.trade.returns.api import requests, terms

router = Router(tags=["returns"])
router.add_router("", terms.router)
router.add_router("", requests.router)
