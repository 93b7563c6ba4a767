"""Turn the compilation of jurisdictions (one YAML file) into one package file per jurisdiction.

    python scripts/convert_law.py path/to/jurisdictions.yaml src/banyan/rules/compliance/law

One rule set per jurisdiction and reading. Where several regimes of one jurisdiction give different numbers the
strictest is taken, because the shop does not know which licence its merchant holds. `effective_from` is the day
from which every clause used is in force. Run again when the compilation changes; the result is committed.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml

NAMES_ZH = {
    "CN": "中国大陆", "KR": "韩国", "JP": "日本", "VN": "越南", "MY": "马来西亚", "ID": "印度尼西亚", "TH": "泰国",
    "IN": "印度", "TW": "台湾", "US": "美国（联邦）", "EU": "欧盟", "GB": "英国", "CA": "加拿大", "SG": "新加坡",
    "HK": "香港", "AU": "澳大利亚", "OM": "阿曼", "AE": "阿联酋", "SA": "沙特阿拉伯", "PH": "菲律宾",
}  # fmt: skip
PRACTICE_READING = "market_practice"
DEPTH, RATE = "max_upline_levels_paid", "commission_cap_pct"

PRACTICE_STATEMENT = {
    "en": (
        "I am authorized to decide this for the merchant. I have read that no article of the Chinese Regulations on the"
        " Prohibition of Chuanxiao allows anyone above the seller to be paid on a sale (article 7(3)); that paying the"
        " seller and one person above is a practice of the trade and not law; that it may be punished; and that this"
        " software gives no legal advice. I accept this reading for this shop and the responsibility for it."
    ),
    "zh": (
        "本人有权代表商户作出此决定。本人已知悉：《禁止传销条例》没有任何条文允许销售者之上的人员就下线销售获得报酬（第七条第三项）；"
        "“销售者及其上一级”获酬仅为行业惯例，并非法律规定；该做法可能受到处罚；本软件不提供法律意见。"
        "本人为本店铺接受此解读并承担相应责任。"
    ),
}
COUNSEL_STATEMENT = {
    "en": (
        "I am authorized to decide this for the merchant. Counsel licensed in this jurisdiction has given the numbers"
        " recorded with this statement, in writing, for matters where the compilation names no number. I accept them"
        " for this shop and the responsibility for them. This software gives no legal advice."
    ),
    "zh": (
        "本人有权代表商户作出此决定。对于资料中法律未给出数值的事项，本法域的执业律师已以书面形式给出随本声明记录的数值。"
        "本人为本店铺接受这些数值并承担相应责任。本软件不提供法律意见。"
    ),
}

REGIMES_ZH = {
    "direct_selling_licensed": "持牌直销",
    "ecommerce_distribution": "电商分销",
    "mlm": "多层直销（다단계판매）",
    "sponsored": "后援上门销售（후원방문판매）",
}
NOTES = {
    "practice": (
        "Practice of the trade and not law; needs a recorded acknowledgement.",
        "此为行业惯例，并非法律；须先由有权人员确认并留存记录。",
    ),
    "silent": (
        "The compilation gives no number for the {name}: denied by default.",
        "资料中法律未规定{name}的数值：默认不允许。",
    ),
    "regime": (
        "The {name} is taken from the regime {regime} as the strictest figure known.",
        "{name}取自“{regime_zh}”制度，为已知最严格的数值。",
    ),
}


def facts_of(jurisdiction: dict[str, Any]) -> list[dict[str, Any]]:
    """The facts with "same" replaced by the law of the fact before."""
    facts, law = [], "-"
    for fact in jurisdiction["facts"]:
        law = law if fact["law"] == "same" else fact["law"]
        facts.append({**fact, "law": law})
    return facts


def named(facts: list[dict[str, Any]], key: str) -> list[dict[str, Any]]:
    return [fact for fact in facts if fact["key"] == key]


def limit(facts: list[dict[str, Any]], key: str, scale: int) -> dict[str, Any]:
    """The strictest number given under `key`; without one the clause that says so, if there is any."""
    found = named(facts, key)
    numbered = sorted((f for f in found if f["value"] is not None), key=lambda f: f["value"])
    if numbered:
        return {"number": numbered[0]["value"] * scale, "fact": numbered[0]["id"]}
    return {"number": None, "fact": found[0]["id"] if found else None}


def practice(facts: list[dict[str, Any]], *keys: str) -> dict[str, Any]:
    """Banned by the first fact of these keys that says anything but None or False."""
    for key in keys:
        for fact in named(facts, key):
            if fact["value"] not in (None, False):
                return {"rule": "banned", "fact": fact["id"]}
    return {"rule": "silent", "fact": None}


def entry_fee(facts: list[dict[str, Any]]) -> dict[str, Any]:
    banned = practice(facts, "entry_fee_banned")
    if banned["rule"] == "banned":
        return banned
    for fact in named(facts, "entry_fee_max_krw_per_year"):
        # The won has no minor unit in use: 1 minor unit is 1 won.
        return {"rule": "limited", "fact": fact["id"], "max_minor": fact["value"], "currency": "KRW"}
    return banned


def registration(facts: list[dict[str, Any]]) -> dict[str, Any]:
    for fact in named(facts, "registration_required"):
        return {"rule": "limited" if fact["value"] else "allowed", "fact": fact["id"]}
    return {"rule": "silent", "fact": None}


def full_date(text: str | None) -> str | None:
    """Years and months become their first day; anything else is no date."""
    if not text or not text[0].isdigit():
        return None
    return text + {4: "-01-01", 7: "-01", 10: ""}[len(text)]


def rule_set(code: str, reading: str, facts: list[dict[str, Any]], name: str, name_zh: str) -> dict[str, Any]:
    clauses = {
        "upline_depth_paid": limit(facts, DEPTH, 1),
        "total_rate_bp": limit(facts, RATE, 100),
        "recruitment_pay": practice(facts, "recruitment_pay_banned", "pyramid_banned"),
        "entry_fee": entry_fee(facts),
        "starter_purchase": practice(facts, "forced_purchase_banned", "inventory_loading_banned", "entry_fee_banned"),
        "network_marketing": practice(facts, "default_banned"),
        "team_pay": practice(facts, "downline_sales_pay_banned"),
        "registration": registration(facts),
        "organization_layers": limit(facts, "criminal_levels_min", 1),
        "organization_people": limit(facts, "criminal_people_min", 1),
    }
    by_id = {fact["id"]: fact for fact in facts}
    used = [by_id[c["fact"]] for key, c in clauses.items() if c["fact"] and not key.startswith("organization_")]
    starts = [start for fact in used if (start := full_date(fact["in_force"]))]
    start = max(starts) if starts else None
    is_practice = reading == "practice"
    return {
        "id": f"{code.lower()}.{reading}.{start or 'undated'}",
        "reading": reading,
        "is_law": not is_practice,
        "title": f"{name}: {'practice of the trade, not law' if is_practice else 'letter of the law'}",
        "title_zh": f"{name_zh}：{'行业惯例（非法律）' if is_practice else '法律条文'}",
        "effective_from": start,
        "effective_to": None,
        **clauses,
        "note": notes(clauses, by_id, is_practice, 0),
        "note_zh": notes(clauses, by_id, is_practice, 1),
        "statement": PRACTICE_STATEMENT if is_practice else COUNSEL_STATEMENT,
    }


def notes(clauses: dict[str, Any], by_id: dict[str, Any], is_practice: bool, language: int) -> str:
    """What a reader must know beside the numbers, in English (0) or Chinese (1)."""
    said = []
    if is_practice:
        said.append(NOTES["practice"][language])
    for key, names in (("upline_depth_paid", ("depth", "层级")), ("total_rate_bp", ("rate", "比例"))):
        if clauses[key]["number"] is None:
            said.append(NOTES["silent"][language].format(name=names[language]))
        elif regime := by_id[clauses[key]["fact"]].get("regime"):
            said.append(NOTES["regime"][language].format(name=names[language], regime=regime, regime_zh=REGIMES_ZH[regime]))
    return (" ", "")[language].join(said)


def convert(source: Path, target: Path) -> list[Path]:
    """Write `<code>.yaml` for each jurisdiction of `source` into `target`; the paths written are returned."""
    compilation = yaml.safe_load(source.read_text(encoding="utf-8"))
    written = []
    for code, jurisdiction in compilation["jurisdictions"].items():
        facts = facts_of(jurisdiction)
        letter = [fact for fact in facts if fact.get("reading") != PRACTICE_READING]
        practiced = {fact["key"] for fact in facts if fact.get("reading") == PRACTICE_READING}
        sets = [rule_set(code, "letter", letter, jurisdiction["name"], NAMES_ZH[code])]
        if practiced:
            read_as = [f for f in facts if f["key"] not in practiced or f.get("reading") == PRACTICE_READING]
            sets.append(rule_set(code, "practice", read_as, jurisdiction["name"], NAMES_ZH[code]))
        page = {
            "jurisdiction": code.lower(),
            "name": jurisdiction["name"],
            "name_zh": NAMES_ZH[code],
            "compiled": compilation["compiled"],
            "disclaimer": compilation["disclaimer"],
            "warning": jurisdiction.get("warning", ""),
            "regimes": jurisdiction.get("regimes", {}),
            "rule_sets": sets,
            "facts": facts,
        }
        path = target / f"{code.lower()}.yaml"
        head = "# Made by scripts/convert_law.py; not legal advice. Do not edit by hand.\n"
        path.write_text(head + yaml.safe_dump(page, allow_unicode=True, sort_keys=False, width=120), encoding="utf-8")
        written.append(path)
    return written


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    for written_path in convert(Path(sys.argv[1]), Path(sys.argv[2])):
        sys.stdout.write(f"{written_path}\n")
