"""Commission over HTTP: plans for those who write them, commissions with their reasons for those who earn them."""

from ninja import Router

from banyan.earnings.commission.api import commissions, periods, plans, previews

router = Router(tags=["commission"])
router.add_router("", previews.router)
router.add_router("", periods.router)
router.add_router("", plans.router)
router.add_router("", commissions.router)
