"use strict";
// Keyboard, and times in the viewer's zone. Everything works without it.

const rows = () => [...document.querySelectorAll("[data-rows] tr[data-href]")];

function move(step) {
  const all = rows();
  const at = all.indexOf(document.activeElement.closest("tr[data-href]"));
  const to = all[Math.max(0, Math.min(all.length - 1, at + step))];
  if (to) { to.focus(); to.scrollIntoView({ block: "nearest" }); }
}

function isTyping(target) {
  return target.closest("input, textarea, select, [contenteditable]") !== null;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") { document.activeElement.blur(); return; }
  if (isTyping(event.target)) return;
  const named = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (named) { event.preventDefault(); named.matches("input, select, textarea") ? named.focus() : named.click(); return; }
  if (event.key === "j") move(1);
  else if (event.key === "k") move(-1);
  else if (event.key === "o" || event.key === "Enter") {
    const row = document.activeElement.closest("tr[data-href]");
    if (row && event.target === row) location.assign(row.dataset.href);
  } else return;
  event.preventDefault();
});

const local = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

function localize(within) {
  for (const time of within.querySelectorAll("time[datetime]:not([data-local])")) {
    const moment = new Date(time.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    time.title = time.title || time.textContent;
    time.textContent = local.format(moment);
    time.dataset.local = "";
  }
}

localize(document);
document.addEventListener("htmx:load", (event) => localize(event.detail.elt));
document.addEventListener("htmx:configRequest", (event) => {
  event.detail.headers["X-CSRF-Token"] = document.querySelector("meta[name=csrf]").content;
});
