"use strict";
(() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const filters = document.querySelector(".filters");
  if (!filters) return;
  const cases = all(".case");
  const buttons = all(".filters button[data-verdict]");
  const area = document.getElementById("filter-area");
  const words = document.getElementById("filter-words");
  const shown = document.getElementById("filter-shown");

  function apply() {
    const verdicts = new Set(buttons.filter((b) => b.getAttribute("aria-pressed") === "true").map((b) => b.dataset.verdict));
    const wanted = words.value.trim().toLowerCase();
    let count = 0;
    for (const item of cases) {
      const fits = verdicts.has(item.dataset.verdict)
        && (!area.value || item.dataset.area === area.value)
        && (!wanted || item.textContent.toLowerCase().includes(wanted));
      item.hidden = !fits;
      count += fits;
    }
    for (const group of all(".area")) group.hidden = !group.querySelector(".case:not([hidden])");
    shown.textContent = count === cases.length ? "" : `${count} of ${cases.length} shown`;
  }

  function reveal() {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target || !target.matches("details")) return;
    if (target.hidden) {
      for (const button of buttons) button.setAttribute("aria-pressed", "true");
      area.value = words.value = "";
      apply();
    }
    target.open = true;
    target.scrollIntoView();
  }

  filters.hidden = false;
  for (const button of buttons) {
    button.addEventListener("click", () => {
      button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
      apply();
    });
  }
  area.addEventListener("change", apply);
  words.addEventListener("input", apply);
  document.getElementById("open-all").addEventListener("click", (event) => {
    const open = event.target.dataset.open !== "yes";
    for (const item of cases) item.open = open;
    event.target.dataset.open = open ? "yes" : "no";
    event.target.textContent = open ? "Close all" : "Open all";
  });
  addEventListener("hashchange", reveal);
  reveal();

  let closed = [];
  addEventListener("beforeprint", () => {
    closed = all("details.case:not([open]), details.block:not([open])");
    for (const item of closed) item.open = true;
  });
  addEventListener("afterprint", () => {
    for (const item of closed) item.open = false;
    closed = [];
  });
})();
