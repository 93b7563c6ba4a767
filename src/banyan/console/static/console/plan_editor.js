/* The plan editor: cards and fields made from the plan document's own JSON Schema.
   The text area stays the one source: every change writes the whole document there, so the page also works without this file. */
(function () {
  "use strict";
  var root = document.querySelector("[data-plan-editor]");
  if (!root) return;
  var schema = json("plan-schema"), words = json("plan-words"), choices = json("plan-choices");
  var area = document.getElementById("document"), cards = root.querySelector("[data-rules]"), head = root.querySelector("[data-head]");
  var plan = null, open = new Set(), waiting = null, latest = 0;

  function json(id) { return JSON.parse(document.getElementById(id).textContent); }
  function say(name) { return Object.prototype.hasOwnProperty.call(words, name) ? words[name] : name.replace(/_/g, " "); }

  function make(tag, attributes) {
    var element = document.createElement(tag);
    Object.keys(attributes || {}).forEach(function (name) {
      var value = attributes[name];
      if (name.slice(0, 2) === "on") element.addEventListener(name.slice(2), value);
      else if (value === true) element.setAttribute(name, "");
      else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
    });
    Array.prototype.slice.call(arguments, 2).flat().forEach(function (child) {
      if (child !== null && child !== undefined) element.append(child);
    });
    return element;
  }

  /* ── the schema ─────────────────────────────────────────────────────────────────────────────────────────────── */
  function plain(node) {
    while (node.$ref) node = Object.assign({}, schema.$defs[node.$ref.split("/").pop()], without(node, "$ref"));
    if (node.allOf && node.allOf.length === 1) return plain(Object.assign({}, node.allOf[0], without(node, "allOf")));
    if (node.anyOf && node.anyOf.some(isNull)) {
      var rest = node.anyOf.filter(function (each) { return !isNull(each); });
      var inner = rest.length === 1 ? plain(rest[0]) : { oneOf: rest };
      return Object.assign({}, inner, { optional: true, default: node.default });
    }
    return node;
  }
  function isNull(node) { return node.type === "null"; }
  function valuesOf(node) { return node.additionalProperties || Object.values(node.patternProperties)[0]; }
  function without(node, name) { var copy = Object.assign({}, node); delete copy[name]; return copy; }
  function kinds(node) { return (node.oneOf || node.anyOf || []).map(plain); }
  function tagOf(kind) {
    var names = Object.keys(kind.properties || {});
    var tag = names.find(function (name) { return plain(kind.properties[name]).const !== undefined; });
    return tag ? { name: tag, value: plain(kind.properties[tag]).const } : { name: null, value: names[0] };
  }
  function blank(node) {
    node = plain(node);
    if (node.const !== undefined) return node.const;
    if (node.enum) return node.enum[0];
    if (node.oneOf || node.anyOf) return blank(kinds(node)[0]);
    if (node.type === "object" && node.properties) {
      var made = {};
      (node.required || []).forEach(function (name) { made[name] = blank(node.properties[name]); });
      return made;
    }
    if (node.type === "object") return {};
    if (node.type === "array") return node.minItems ? [blank(node.items)] : [];
    if (node.type === "boolean") return true;
    if (node.type === "integer") return Math.max(node.minimum || 0, node.exclusiveMinimum === undefined ? 0 : node.exclusiveMinimum + 1);
    return node.format === "date-time" ? new Date().toISOString().slice(0, 10) + "T00:00:00" + choices.offset : "";
  }

  /* ── fields ─────────────────────────────────────────────────────────────────────────────────────────────────── */
  function field(node, name, value, set, redraw) {
    node = plain(node);
    if (node.const !== undefined) return null;
    if (choices.named[name]) return several(choices.named[name], name, value || [], set);
    if (node.oneOf || (node.anyOf && !node.type)) return union(node, name, value, set, redraw);
    if (node.type === "object" && !node.properties) return table(node, name, value || {}, set);
    if (node.type === "object") return nested(node, name, value, set, redraw);
    if (node.type === "array") return list(node, name, value || [], set, redraw);
    if (node.enum) return labeled(name, select(options(node), value === undefined ? (node.default || "") : value, set));
    if (node.type === "boolean") return flag(name, value === undefined ? node.default : value, set);
    if (name === "distributor") return labeled(name, text({ maxLength: 60 }, value, set)); /* a public id outside */
    if (node.type === "integer") return labeled(name, number(node, name, value, set));
    if (node.format === "date-time") return labeled(name, instant(value, set), choices.offset);
    return labeled(name, text(node, value, set));
  }
  function labeled(name, input, unit) {
    var mark = unit || (isMoney(name) ? choices.symbol : isRate(name) ? "%" : "");
    return make("label", {}, make("span", {}, say(name), mark ? make("span", { class: "bn-unit" }, " " + mark) : null), input);
  }
  function isMoney(name) { return /(^|_)minor$/.test(name); }
  function isRate(name) { return /(^|_)bp$/.test(name); }
  function options(node) {
    var names = node.enum.map(function (each) { return [each, say(each)]; });
    return node.optional || node.default === null ? [["", "–"]].concat(names) : names;
  }
  function select(pairs, value, set) {
    return make("select", { onchange: function (event) { set(event.target.value === "" ? undefined : event.target.value); } },
      pairs.map(function (pair) { return make("option", { value: pair[0], selected: pair[0] === (value === null ? "" : value) }, pair[1]); }));
  }
  function flag(name, value, set) {
    return make("label", { class: "bn-check" },
      make("input", { type: "checkbox", checked: !!value, onchange: function (event) { set(event.target.checked); } }), say(name));
  }
  function number(node, name, value, set) {
    var scale = isMoney(name) || isRate(name) ? 100 : 1;
    var shown = value === undefined || value === null ? "" : scale === 1 ? String(value) : String(value / scale);
    return make("input", {
      type: "number", inputmode: "decimal", step: scale === 1 ? "1" : "0.01", value: shown,
      min: node.minimum === undefined ? null : node.minimum / scale, max: node.maximum === undefined ? null : node.maximum / scale,
      placeholder: node.default === undefined || node.default === null ? "" : String(node.default / scale),
      oninput: function (event) { set(event.target.value === "" ? undefined : Math.round(Number(event.target.value) * scale)); }
    });
  }
  function text(node, value, set) {
    return make("input", {
      type: "text", value: value || "", maxlength: node.maxLength, placeholder: node.default || "",
      oninput: function (event) { set(event.target.value === "" && node.optional ? undefined : event.target.value); }
    });
  }
  function instant(value, set) {
    /* Shown on the shop's clock, whatever clock the browser has. */
    var shown = "";
    if (value) {
      var sign = choices.offset[0] === "-" ? -1 : 1, parts = choices.offset.slice(1).split(":");
      var shift = sign * (Number(parts[0]) * 60 + Number(parts[1])) * 60000;
      shown = new Date(new Date(value).getTime() + shift).toISOString().slice(0, 16);
    }
    return make("input", { type: "datetime-local", value: shown, onchange: function (event) {
      set(event.target.value ? event.target.value + ":00" + choices.offset : undefined);
    } });
  }
  function several(pairs, name, value, set) {
    /* Named things to pick from; ids that are not in the list any more stay, and are shown. */
    var known = pairs.map(function (pair) { return pair[0]; });
    var all = pairs.concat(value.filter(function (each) { return known.indexOf(each) < 0; }).map(function (each) { return [each, each]; }));
    return make("label", {}, make("span", {}, say(name)), make("select", { multiple: true, size: Math.min(6, Math.max(2, all.length)),
      onchange: function (event) { set(Array.from(event.target.selectedOptions).map(function (one) { return one.value; })); } },
      all.map(function (pair) { return make("option", { value: pair[0], selected: value.indexOf(pair[0]) >= 0 }, pair[1]); })));
  }
  function list(node, name, value, set, redraw) {
    var item = plain(node.items);
    if (item.enum) {
      return make("fieldset", { class: "bn-picks" }, make("legend", {}, say(name)), item.enum.map(function (each) {
        return make("label", { class: "bn-check" }, make("input", { type: "checkbox", checked: value.indexOf(each) >= 0, onchange: function (event) {
          value = item.enum.filter(function (one) { return one === each ? event.target.checked : value.indexOf(one) >= 0; });
          set(value);
        } }), say(each));
      }));
    }
    if (item.type === "object" || item.oneOf) return rows(item, name, value, set, redraw);
    return make("label", {}, make("span", {}, say(name), make("span", { class: "bn-unit" }, " " + say("one_per_line"))),
      make("textarea", { rows: Math.min(6, Math.max(2, value.length)), oninput: function (event) {
        set(event.target.value.split(/[\n,，]/).map(function (each) { return each.trim(); }).filter(Boolean));
      } }, value.join("\n")));
  }
  function rows(item, name, value, set, redraw) {
    var box = make("fieldset", { class: "bn-rows" }, make("legend", {}, say(name)));
    value.forEach(function (one, place) {
      var row = make("div", { class: "bn-row" });
      if (item.oneOf) row.append(field(item, "", one, function (next) { value[place] = next; set(value); }, redraw));
      else Object.keys(item.properties).forEach(function (part) { row.append(member(item, part, one, function () { set(value); }, redraw)); });
      row.append(cross(function () { value.splice(place, 1); set(value.length ? value : undefined); redraw(); }));
      box.append(row);
    });
    box.append(make("button", { type: "button", class: "bn-button bn-button-small", onclick: function () {
      value.push(blank(item)); set(value); redraw();
    } }, "＋ " + say("add_one")));
    return box;
  }
  function table(node, name, value, set) {
    var keys = (node.propertyNames && (plain(node.propertyNames).enum || null)) || Object.keys(value);
    return make("fieldset", { class: "bn-picks" }, make("legend", {}, say(name)), keys.map(function (key) {
      var change = function (next) { if (next === undefined || next === "") delete value[key]; else value[key] = next; set(Object.keys(value).length ? value : undefined); };
      var inner = plain(valuesOf(node));
      var unit = /_bp$/.test(name) ? "rate_bp" : name;
      return make("label", {}, make("span", {}, say(key)), inner.enum ? select(options(Object.assign({ optional: true }, inner)), value[key], change)
        : number(inner, unit, value[key], change));
    }));
  }
  function member(node, part, holder, changed, redraw) {
    return field(node.properties[part], part, holder[part], function (next) {
      if (next === undefined) delete holder[part]; else holder[part] = next;
      changed();
    }, redraw);
  }
  function nested(node, name, value, set, redraw) {
    if (value === undefined || value === null) {
      return make("button", { type: "button", class: "bn-button bn-button-small", onclick: function () { set(blank(node)); redraw(); } }, "＋ " + say(name));
    }
    var box = make("fieldset", { class: "bn-nest" }, make("legend", {}, say(name)));
    var grid = make("div", { class: "bn-fields" });
    Object.keys(node.properties).forEach(function (part) {
      var made = member(node, part, value, function () { set(value); }, redraw);
      if (made) grid.append(made);
    });
    box.append(grid);
    if (node.optional) box.append(cross(function () { set(undefined); redraw(); }));
    return box;
  }
  function union(node, name, value, set, redraw) {
    if ((value === undefined || value === null) && node.optional) {
      return make("button", { type: "button", class: "bn-button bn-button-small", onclick: function () { set(blank(node)); redraw(); } }, "＋ " + say(name));
    }
    var all = kinds(node), tags = all.map(tagOf);
    var at = tags.findIndex(function (tag) { return tag.name ? value && value[tag.name] === tag.value : value && tag.value in value; });
    var kind = all[Math.max(at, 0)];
    var chooser = select(tags.map(function (tag) { return [tag.value, say(tag.name ? tag.value : "when_" + tag.value)]; }), tags[Math.max(at, 0)].value, function (next) {
      set(blank(all[tags.findIndex(function (tag) { return tag.value === next; })])); redraw();
    });
    chooser.setAttribute("aria-label", say(name));
    var box = make("fieldset", { class: "bn-nest" }, name ? make("legend", {}, say(name)) : null, chooser);
    var grid = make("div", { class: "bn-fields" });
    Object.keys(kind.properties).forEach(function (part) {
      var made = member(kind, part, value, function () { set(value); }, redraw);
      if (made) grid.append(made);
    });
    box.append(grid);
    if (node.optional) box.append(cross(function () { set(undefined); redraw(); }));
    return box;
  }
  function cross(act) {
    return make("button", { type: "button", class: "bn-cross", title: say("remove"), "aria-label": say("remove"), onclick: act }, "×");
  }

  /* ── cards ──────────────────────────────────────────────────────────────────────────────────────────────────── */
  function amountWords(amount) {
    if (amount.rate_bp !== undefined) return amount.rate_bp / 100 + "%";
    if (amount.minor !== undefined) return choices.symbol + (amount.minor / 100).toFixed(2) + " / " + say(amount.per || "order");
    if (amount.bands) return amount.bands.map(function (band) { return band.rate_bp !== undefined ? band.rate_bp / 100 + "%" : choices.symbol + band.minor / 100; }).join(" · ");
    if (amount.rates_bp) return Object.keys(amount.rates_bp).map(function (tier) { return say(tier) + " " + amount.rates_bp[tier] / 100 + "%"; }).join(" · ");
    if (amount.times_bp !== undefined) return "× " + amount.times_bp / 10000;
    if (amount.steps) return amount.steps.map(function (step) { return choices.symbol + step.minor / 100; }).join(" · ");
    return say(amount.kind);
  }
  function payeeWords(pays) {
    var more = pays.depth || pays.generation || (pays.to_depth !== undefined ? (pays.from_depth === undefined ? 1 : pays.from_depth) + "–" + pays.to_depth : "") || (pays.scope && say(pays.scope)) || (pays.period && say(pays.period));
    return say(pays.to) + (more ? " " + more : "");
  }
  function card(rule, place) {
    var shown = open.has(rule);
    var body = make("div", { class: "bn-rule-body", hidden: !shown });
    var summary = make("span", { class: "bn-rule-words" });
    function summarize() {
      summary.replaceChildren(make("b", {}, rule.title || rule.key), make("span", { class: "bn-pill" }, payeeWords(rule.pays)),
        make("span", { class: "bn-faint" }, amountWords(rule.amount)), rule.when ? make("span", { class: "bn-pill bn-pill-warn" }, say("when")) : "");
    }
    function draw() {
      var node = plain(schema.$defs.RuleDocument);
      var grid = make("div", { class: "bn-fields" });
      Object.keys(node.properties).forEach(function (part) {
        var made = member(node, part, rule, function () { summarize(); changed(); }, draw);
        if (made) grid.append(made);
      });
      body.replaceChildren(grid);
      summarize();
    }
    var toggle = make("button", { type: "button", class: "bn-rule-toggle", "aria-expanded": String(shown), onclick: function () {
      if (open.has(rule)) open.delete(rule); else open.add(rule);
      body.hidden = !open.has(rule);
      toggle.setAttribute("aria-expanded", String(!body.hidden));
      if (!body.hidden) draw();
    } }, summary);
    summarize();
    if (shown) draw();
    function move(by) {
      var to = place + by;
      if (to < 0 || to >= plan.rules.length) return;
      plan.rules.splice(to, 0, plan.rules.splice(place, 1)[0]);
      changed(); drawRules();
      cards.children[to].querySelector(by < 0 ? "[data-up]" : "[data-down]").focus();
    }
    return make("li", { class: "bn-rule" }, make("div", { class: "bn-rule-head" },
      make("span", { class: "bn-grip", title: say("drag"), "aria-hidden": "true" }, "⋮⋮"), make("span", { class: "bn-faint bn-rule-place" }, String(place + 1)), toggle,
      make("button", { type: "button", class: "bn-cross", "data-up": true, title: say("up"), "aria-label": say("up"), disabled: place === 0, onclick: function () { move(-1); } }, "↑"),
      make("button", { type: "button", class: "bn-cross", "data-down": true, title: say("down"), "aria-label": say("down"), disabled: place === plan.rules.length - 1, onclick: function () { move(1); } }, "↓"),
      make("button", { type: "button", class: "bn-cross", title: say("copy"), "aria-label": say("copy"), onclick: function () {
        var copy = JSON.parse(JSON.stringify(rule)); copy.key = freeKey(rule.key); plan.rules.splice(place + 1, 0, copy); open.add(copy); changed(); drawRules();
      } }, make("span", { class: "material-symbols-outlined" }, "content_copy")),
      cross(function () { plan.rules.splice(place, 1); changed(); drawRules(); })), body);
  }
  function freeKey(stem) {
    var taken = plan.rules.map(function (rule) { return rule.key; }), n = 2;
    stem = stem.replace(/-\d+$/, "").slice(0, 36);
    if (taken.indexOf(stem) < 0) return stem;
    while (taken.indexOf(stem + "-" + n) >= 0) n += 1;
    return stem + "-" + n;
  }
  function drawRules() {
    cards.replaceChildren.apply(cards, plan.rules.map(card));
    root.querySelector("[data-no-rules]").hidden = plan.rules.length > 0;
  }
  function drawHead() {
    var node = plain(schema), grid = make("div", { class: "bn-fields" });
    Object.keys(node.properties).forEach(function (part) {
      if (part === "rules" || part === "format") return;
      var made = part === "groups" ? groups() : member(node, part, plan, changed, drawHead);
      if (made) grid.append(made);
    });
    head.replaceChildren(grid);
  }
  function groups() {
    /* Every group that rules name, with the way its rules stack. */
    var names = Array.from(new Set((plan.rules || []).map(function (rule) { return rule.group || "base"; })));
    var node = plain(plain(schema).properties.groups), inner = plain(valuesOf(node));
    return make("fieldset", { class: "bn-picks" }, make("legend", {}, say("groups")), names.map(function (name) {
      return make("label", {}, make("span", {}, name), select(options(Object.assign({ optional: true }, inner)), (plan.groups || {})[name], function (next) {
        plan.groups = plan.groups || {};
        if (next === undefined) delete plan.groups[name]; else plan.groups[name] = next;
        if (!Object.keys(plan.groups).length) delete plan.groups;
        changed();
      }));
    }));
  }

  /* ── the document, the verdict, the sample ──────────────────────────────────────────────────────────────────── */
  function changed() {
    area.value = JSON.stringify(plan, null, 2);
    ask();
  }
  function ask() {
    clearTimeout(waiting);
    waiting = setTimeout(judge, 400);
  }
  function judge() {
    var mine = ++latest, body = new FormData(root.querySelector("form"));
    root.querySelectorAll("[data-ask]").forEach(function (box) {
      fetch(box.dataset.ask, { method: "POST", body: body, headers: { "X-Requested-With": "fetch" } }).then(function (answer) {
        if (!answer.ok) throw new Error(String(answer.status));
        return answer.text();
      }).then(function (html) { if (mine === latest) box.innerHTML = html; }).catch(function () {
        if (mine === latest) box.replaceChildren(make("p", { class: "bn-note" }, say("no_answer")));
      });
    });
  }
  function read() {
    var found;
    try { found = JSON.parse(area.value); } catch (error) { return false; }
    if (!found || typeof found !== "object" || !Array.isArray(found.rules) || found.rules.some(function (rule) { return !rule || !rule.pays || !rule.amount; })) return false;
    plan = found;
    return true;
  }
  function draw() {
    var fits = read();
    /* Nothing moves away under the finger that is on its way to a button. */
    root.querySelector("[data-cards]").inert = head.inert = !fits;
    root.querySelector("[data-unreadable]").hidden = fits;
    if (fits) { drawHead(); drawRules(); }
    ask();
  }
  root.querySelector("[data-add]").addEventListener("click", function () {
    var kind = root.querySelector("[data-add-kind]").value;
    var pays = kinds(plain(schema.$defs.RuleDocument).properties.pays).find(function (each) { return tagOf(each).value === kind; });
    var rule = { key: freeKey(kind.replace(/_/g, "-")), pays: blank(pays), amount: { kind: "rate", rate_bp: 100 } };
    if (kind === "earner") rule.amount = { kind: "multiplier", of: "base", times_bp: 20000 };
    plan.rules.push(rule);
    open.add(rule);
    changed(); drawRules();
    cards.lastElementChild.scrollIntoView({ block: "nearest" });
  });
  kinds(plain(schema.$defs.RuleDocument).properties.pays).forEach(function (kind) {
    var name = tagOf(kind).value;
    root.querySelector("[data-add-kind]").append(make("option", { value: name }, say(name)));
  });
  var start = root.querySelector("[data-start]");
  if (start) start.addEventListener("change", function () {
    if (!start.value) return;
    area.value = JSON.stringify(json("plan-starts").find(function (one) { return one.key === start.value; }).document, null, 2);
    open.clear(); draw();
  });
  area.addEventListener("change", function () { setTimeout(draw, 300); }); /* after the click that took the focus away */
  root.querySelectorAll("[data-sample]").forEach(function (input) { input.addEventListener("input", ask); });
  if (window.Sortable) window.Sortable.create(cards, { handle: ".bn-grip", animation: 120, onEnd: function (event) {
    plan.rules.splice(event.newIndex, 0, plan.rules.splice(event.oldIndex, 1)[0]);
    changed(); drawRules();
  } });
  root.hidden = false;
  draw();
})();
