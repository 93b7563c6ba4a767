"""Addresses of the console. The admin site sits at /console/; our own pages come first."""

from __future__ import annotations

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.generic import RedirectView
from django.views.i18n import set_language

from banyan.console.views import (
    audit,
    distributors,
    explain,
    law,
    network,
    orders,
    people,
    plans,
    policies,
    returns,
    review,
    set_aside,
    settings,
    shops,
    sponsor,
    warehouses,
)

# Houses' own records live below /console/<house>/, so our pages keep out of those names or are told apart by their ids.
_pages: list[URLPattern] = [
    path("sellers/", distributors.listing, name="distributors"),
    path("commissions/<str:public_id>/explain", explain.explain, name="explain"),
    path("orders/<str:public_id>/money", orders.money_story, name="money_story"),
    re_path(r"^returns/(?P<public_id>ret_[^/]+)/$", returns.inspection, name="inspection"),
    re_path(r"^returns/(?P<public_id>ret_[^/]+)/receive$", returns.receive, name="inspection_receive"),
    re_path(r"^returns/(?P<public_id>ret_[^/]+)/decide$", returns.decide, name="inspection_decide"),
    path("review/", review.queue, name="review"),
    path("review/decide", review.decide, name="review_decide"),
    path("statements/<str:public_id>/", review.statement, name="statement"),
    path("set-aside/", set_aside.listing, name="set_aside"),
    path("set-aside/decide", set_aside.decide, name="set_aside_decide"),
    path("audit/", audit.listing, name="audit"),
    path("law/", law.overview, name="law"),
    path("law/acknowledge", law.acknowledge, name="law_acknowledge"),
    path("law/withdraw", law.withdraw, name="law_withdraw"),
    path("law/<str:code>/", law.jurisdiction, name="law_jurisdiction"),
    path("network/", network.search, name="network"),
    re_path(r"^network/(?P<public_id>dst_[^/]+)/$", network.tree, name="network_tree"),  # admin lists live below network/ too
    re_path(r"^network/(?P<public_id>dst_[^/]+)/sponsor$", sponsor.choose, name="sponsor"),
    re_path(r"^network/(?P<public_id>dst_[^/]+)/move$", sponsor.move, name="sponsor_move"),
    re_path(r"^network/(?P<public_id>dst_[^/]+)/tier$", sponsor.set_tier, name="set_tier"),
    path("applications/", people.applications, name="applications"),
    path("applications/decide", people.decide, name="applications_decide"),
    path("people/<str:public_id>/reveal", people.reveal, name="reveal"),
    path("plans/", plans.listing, name="plans"),
    path("plans/new", plans.edit, name="plan_new"),
    path("plans/<str:public_id>/", plans.version, name="plan"),
    path("plans/<str:public_id>/edit", plans.edit, name="plan_edit"),
    path("plans/<str:public_id>/publish", plans.publish, name="plan_publish"),
    path("plans/<str:public_id>/retire", plans.retire, name="plan_retire"),
    path("settings/", settings.overview, name="settings"),
    path("settings/<str:key>", settings.change, name="settings_change"),
    path("settlement-policies/", policies.listing, name="policies"),
    path("settlement-policies/open", policies.open_one, name="policy_open"),
    path("settlement-policies/<str:public_id>/retire", policies.retire, name="policy_retire"),
    path("warehouses/", warehouses.listing, name="warehouses"),
    path("warehouses/open", warehouses.open_one, name="warehouse_open"),
    re_path(r"^warehouses/(?P<public_id>whs_[^/]+)/$", warehouses.revise, name="warehouse"),
    re_path(r"^warehouses/(?P<public_id>whs_[^/]+)/active$", warehouses.set_active, name="warehouse_active"),
    path("shops/", shops.listing, name="shops"),
    path("shops/enter", shops.enter, name="enter_shop"),
    path("shops/leave", shops.leave, name="leave_shop"),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    path("console/language", set_language, name="set_language"),
    path("console/", include((_pages, "console"))),
    path("console/", admin.site.urls),
]
