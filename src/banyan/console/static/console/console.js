/* Small behavior of the console's own pages; no library needed. */
(function () {
  "use strict";

  /* Forms with data-confirm ask first, in words that name what will happen. */
  document.addEventListener("submit", function (event) {
    var form = event.target;
    var button = event.submitter;
    var words = (button && button.dataset.confirm) || form.dataset.confirm;
    if (!words) return;
    var count = form.querySelectorAll("input[data-pick]:checked").length;
    var sum = 0;
    form.querySelectorAll("input[data-pick]:checked").forEach(function (box) { sum += Number(box.dataset.minor || 0); });
    var all = form.querySelector("input[data-scope-all]:checked");
    if (all) { count = Number(all.dataset.count); sum = Number(all.dataset.minor); }
    words = words.replace("{count}", String(count)).replace("{sum}", money(sum, form.dataset.symbol || "¥"));
    if (!form.dataset.confirmed) {
      event.preventDefault();
      ask(words, function () {
        form.dataset.confirmed = "1";
        if (form.requestSubmit && button) form.requestSubmit(button); else form.submit();
      });
    }
  });

  /* Buttons that print the page. */
  document.addEventListener("click", function (event) {
    if (event.target.closest("[data-print]")) window.print();
  });

  function money(minor, symbol) {
    var text = (Math.abs(minor) / 100).toFixed(2).replace(/\B(?=(\d{3})+(?!\d))/g, ",");
    return (minor < 0 ? "-" : "") + symbol + text;
  }

  function ask(words, yes) {
    var dialog = document.getElementById("bn-ask");
    if (!dialog || !dialog.showModal) { if (window.confirm(words)) yes(); return; }
    dialog.querySelector("[data-words]").textContent = words;
    dialog.returnValue = "";
    dialog.onclose = function () { if (dialog.returnValue === "yes") yes(); };
    dialog.showModal();
  }

  /* Pages with a list of boxes: pick all, and show how many and how much is picked. */
  function recount(form) {
    var boxes = form.querySelectorAll("input[data-pick]");
    var picked = 0, sum = 0;
    boxes.forEach(function (box) { if (box.checked) { picked += 1; sum += Number(box.dataset.minor || 0); } });
    var everything = form.querySelector("input[data-scope-all]:checked");
    if (everything) { picked = Number(everything.dataset.count); sum = Number(everything.dataset.minor); }
    form.querySelectorAll("[data-picked-count]").forEach(function (e) { e.textContent = String(picked); });
    form.querySelectorAll("[data-picked-sum]").forEach(function (e) { e.textContent = money(sum, form.dataset.symbol || "¥"); });
    form.querySelectorAll("[data-needs-pick]").forEach(function (b) { b.disabled = picked === 0; });
    var all = form.querySelector("input[data-pick-all]");
    var here = form.querySelectorAll("input[data-pick]:checked").length;
    if (all) { all.checked = here > 0 && here === boxes.length; all.indeterminate = here > 0 && here < boxes.length; }
  }
  document.addEventListener("change", function (event) {
    var form = event.target.form;
    if (!form) return;
    if (event.target.matches("input[data-pick-all]")) {
      form.querySelectorAll("input[data-pick]").forEach(function (box) { box.checked = event.target.checked; });
    }
    if (event.target.matches("input[data-pick], input[data-pick-all], input[data-scope-all]")) recount(form);
  });
  document.addEventListener("DOMContentLoaded", function () {
    document.querySelectorAll("form[data-picking]").forEach(recount);
  });

  /* Charts: <div data-chart="id of the JSON script">. Colors follow the theme. */
  document.addEventListener("DOMContentLoaded", function () {
    var places = document.querySelectorAll("[data-chart]");
    if (!places.length || !window.echarts) return;
    var charts = [];
    function draw() {
      var dark = document.documentElement.classList.contains("dark");
      charts.forEach(function (c) { c.dispose(); });
      charts = [];
      places.forEach(function (place) {
        var option = JSON.parse(document.getElementById(place.dataset.chart).textContent);
        option.backgroundColor = "transparent";
        option.textStyle = { fontFamily: "Inter, 'Noto Sans CJK SC', 'PingFang SC', 'Microsoft YaHei', sans-serif" };
        option.color = option.color || ["#0b7a55", "#d08a1d", "#3b76c4", "#b4495b", "#7a5cc0"];
        if (option.moneyAxes) {
          [].concat(option.yAxis || [], option.xAxis || []).forEach(function (axis) {
            if (axis.type === "value" && axis.money) axis.axisLabel = { formatter: short };
          });
          option.tooltip = Object.assign({ valueFormatter: function (v) { return v == null ? "–" : money(v, option.symbol || "¥"); } }, option.tooltip);
        }
        var chart = window.echarts.init(place, dark ? "dark" : null);
        chart.setOption(option);
        charts.push(chart);
      });
    }
    function short(minor) {
      var v = minor / 100, a = Math.abs(v);
      if (document.documentElement.lang.indexOf("zh") === 0) {
        if (a >= 1e8) return (v / 1e8).toFixed(1) + "亿";
        if (a >= 1e4) return (v / 1e4).toFixed(a >= 1e5 ? 0 : 1) + "万";
        return String(Math.round(v));
      }
      if (a >= 1e6) return (v / 1e6).toFixed(1) + "M";
      if (a >= 1e3) return (v / 1e3).toFixed(a >= 1e4 ? 0 : 1) + "k";
      return String(Math.round(v));
    }
    draw();
    window.addEventListener("resize", function () { charts.forEach(function (c) { c.resize(); }); });
    new MutationObserver(draw).observe(document.documentElement, { attributes: true, attributeFilter: ["class"] });
  });
})();
