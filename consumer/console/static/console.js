"use strict";
// Keyboard, times in the viewer's zone, what is renewed by itself. Pages work without it.

const PLACES = { o: "/", a: "/anomalies?state=open", r: "/rules", d: "/dead-letters", l: "/lists" };
const rows = () => [...document.querySelectorAll("[data-rows] tr[data-href]")];
const current = () => document.activeElement?.closest("tr[data-href]");
let isGoing = false;

function move(step) {
  const all = rows(), at = all.indexOf(current());
  const to = all[Math.max(0, Math.min(all.length - 1, at + step))];
  if (to) { to.focus(); to.scrollIntoView({ block: "nearest" }); }
}

const isTyping = (target) => target.closest("textarea, select, input:not([type=checkbox]), [contenteditable]") !== null;

function press(key, target) {
  if (isGoing) { isGoing = false; if (PLACES[key]) location.assign(PLACES[key]); return true; }
  const named = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
  if (named) { if (named.matches("input, select, textarea")) { named.focus(); named.select?.(); } else named.click(); return true; }
  if (key === "j") move(1);
  else if (key === "k") move(-1);
  else if (key === "g") isGoing = true;
  else if (key === "x" && current()) current().querySelector("input[type=checkbox]")?.click();
  else if (key === "o" && current()) location.assign(current().dataset.href);
  else if (key === "Enter" && target === current()) location.assign(current().dataset.href);
  else return false;
  return true;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape" && isTyping(event.target)) { event.target.blur(); return; }
  if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
  if (press(event.key, event.target)) event.preventDefault();
});

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-help]")) document.getElementById("help").showModal();
});

document.addEventListener("change", (event) => {
  if (!event.target.matches("[data-tick-all]")) return;
  const form = event.target.form;
  for (const one of document.querySelectorAll(`input[name=one][form="${form.id}"]`)) one.checked = event.target.checked;
});

// Times: in the viewer's zone, and in UTC where one hovers or asks a screen reader.
const local = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

function localize(within) {
  for (const time of within.querySelectorAll("time[datetime]:not([data-local])")) {
    const moment = new Date(time.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    time.title = time.textContent;
    time.textContent = local.format(moment);
    time.dataset.local = "";
  }
}

// A field for a moment is asked for in the viewer's zone, and sent with an offset.
function ask(within) {
  for (const field of within.querySelectorAll("input[data-moment]")) {
    const shown = document.createElement("input");
    shown.type = "datetime-local";
    shown.step = 1;
    const moment = field.value ? new Date(field.value) : null;
    if (moment && !Number.isNaN(moment.getTime())) {
      shown.value = new Date(moment.getTime() - moment.getTimezoneOffset() * 60000).toISOString().slice(0, 19);
    }
    field.type = "hidden";
    field.removeAttribute("data-moment");
    field.after(shown);
    shown.addEventListener("change", () => { field.value = shown.value ? new Date(shown.value).toISOString() : ""; });
  }
}

function show(within) {
  localize(within);
  ask(within);
  draw(within);
}

function renew(place) {
  const events = new EventSource(place.dataset.events);
  const lost = document.getElementById("connection");
  events.onmessage = (event) => {
    lost.hidden = true;
    if (place.contains(document.activeElement) && document.activeElement.matches("a")) return;
    place.innerHTML = event.data;
    show(place);
  };
  events.addEventListener("unavailable", () => { lost.hidden = false; });
  events.addEventListener("over", () => { events.close(); location.reload(); });
  events.onerror = () => {
    lost.hidden = false;
    if (events.readyState === EventSource.CLOSED) location.reload();
  };
  addEventListener("pagehide", () => events.close());
}

document.addEventListener("DOMContentLoaded", () => {
  show(document);
  for (const place of document.querySelectorAll("[data-events]")) renew(place);
});
document.addEventListener("htmx:load", (event) => { if (event.detail.elt !== document.body) show(event.detail.elt.parentElement ?? document); });
document.addEventListener("htmx:configRequest", (event) => {
  event.detail.headers["X-CSRF-Token"] = document.querySelector("meta[name=csrf]").content;
});
