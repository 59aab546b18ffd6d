// The fleet, kept up to date while it is looked at. What changes by itself comes as numbers; everything else (names, tags,
// pictures, monitors that are new) is taken from the page itself, as the server renders it. No HTML is made of texts here.

const EVERY_MS = 3000;
const MOST_MS = 30_000;
const TYPED_MS = 250;
const GIVE_UP_MS = 10_000;

const fleet = document.getElementById("fleet");
const live = document.getElementById("live");
const bulk = () => document.getElementById("bulk");
const rowsOf = (root) => root.getElementById("rows");

let skewMs = Number(fleet.dataset.now) - Date.now();
let tag = null; // the ETag of what is shown
let timer = 0;
let waitMs = EVERY_MS;
let lost = null; // since when the server does not answer
let asked = 0; // the last page that was asked for; an answer to an older question is too late

// ---- moments as distances, in the words of fleet_rows.py ----

function brief(lengthMs) {
  const seconds = Math.max(0, Math.floor(lengthMs / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} d`;
}

function distance(atMs, kind) {
  const nowMs = Date.now() + skewMs;
  if (kind === "in") return atMs > nowMs ? `in ${brief(atMs - nowMs)}` : "now";
  return brief(nowMs - atMs) + (kind === "ago" ? " ago" : "");
}

function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function tick() {
  for (const element of fleet.querySelectorAll("time[data-kind]")) {
    say(element, distance(Date.parse(element.dateTime), element.dataset.kind));
  }
}

const whole = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

/** The moment in the viewer's zone and in UTC, for whoever points at its distance. */
function entitle(root) {
  for (const element of root.querySelectorAll("time[data-kind]:not([data-titled])")) {
    element.title = `${whole.format(Date.parse(element.dateTime))}\n${element.title}`;
    element.dataset.titled = "";
  }
}

function timed(atMs, kind) {
  const element = document.createElement("time");
  const at = new Date(atMs).toISOString();
  element.dateTime = at;
  element.title = `${at.slice(0, 10)} ${at.slice(11, 19)} UTC`;
  element.dataset.kind = kind;
  element.dataset.local = "";
  element.textContent = distance(atMs, kind);
  return element;
}

function made(name, className, ...content) {
  const element = document.createElement(name);
  if (className) element.className = className;
  element.append(...content);
  return element;
}

// ---- rows ----

function dueOf(now) {
  if (now.status === "late") {
    const late = made("strong", "", "late by ", timed(now.sinceMs, "for"));
    return [late, " ", made("span", "soft", "down ", timed(now.deadlineMs, "in"))];
  }
  if (now.status === "down") return [made("strong", "", "down for ", timed(now.sinceMs, "for"))];
  return [now.deadlineMs ? timed(now.deadlineMs, "in") : made("span", "soft", "–")];
}

function patch(row, now) {
  const key = `${now.status} ${now.seenMs} ${now.deadlineMs} ${now.sinceMs}`;
  if (row.dataset.key === key) return false;
  const before = row.className;
  row.dataset.key = key;
  row.querySelector(".ping").replaceChildren(now.seenMs ? timed(now.seenMs, "ago") : made("span", "soft", "never"));
  row.querySelector(".due").replaceChildren(...dueOf(now));
  if (before === now.status) return false;
  row.className = now.status;
  row.querySelector(".state").replaceChildren(made("span", `status ${now.status}`, now.status));
  return before === "down" || now.status === "down";
}

/** Put the rows into this order, moving as few as possible; a row that has the focus keeps it. */
function order(body, rows) {
  const focused = document.activeElement;
  let at = body.firstElementChild;
  for (const row of rows) {
    if (row === at) at = at.nextElementSibling;
    else body.insertBefore(row, at);
  }
  while (at) {
    const next = at.nextElementSibling;
    at.remove();
    at = next;
  }
  if (focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
}

// ---- the page itself, taken over piece by piece ----

function take(kept, fresh) {
  if (!kept || !fresh || kept.isEqualNode(fresh) || kept.contains(document.activeElement)) return;
  kept.replaceWith(document.adoptNode(fresh));
}

function merge(fresh) {
  const body = rowsOf(document);
  const freshBody = rowsOf(fresh);
  const rows = [...freshBody.children].map((row) => {
    const kept = document.getElementById(row.id);
    if (!kept) return document.adoptNode(row);
    for (const part of ["name", "strips", "every"]) take(kept.querySelector(`td.${part}`), row.querySelector(`td.${part}`));
    if (kept.dataset.key !== row.dataset.key) {
      for (const part of ["state", "ping", "due"]) take(kept.querySelector(`td.${part}`), row.querySelector(`td.${part}`));
      kept.dataset.key = row.dataset.key;
      kept.className = row.className;
    }
    return kept;
  });
  order(body, rows);
  take(document.querySelector(".fleet thead"), fresh.querySelector(".fleet thead"));
  take(document.getElementById("pager"), fresh.getElementById("pager"));
  if (bulk()) bulk().action = fresh.getElementById("bulk").action;
}

/** Show an address without leaving the page; what has the focus and what is ticked stays. */
async function show(address) {
  const number = ++asked;
  const reply = await fetch(address, { headers: { accept: "text/html" }, signal: AbortSignal.timeout(GIVE_UP_MS) });
  if (reply.redirected) return location.reload(); // signed out
  if (!reply.ok) throw new Error(`${reply.status}`);
  const text = await reply.text();
  if (number !== asked) return;
  const fresh = new DOMParser().parseFromString(text, "text/html");
  const found = fresh.getElementById("fleet");
  // From no monitor to the first one, or back: another page. A form that somebody is filling in stays.
  if ("empty" in found.dataset !== "empty" in fleet.dataset) {
    if (isTouched()) say(live, "There is something to see now: reload the page when you are done.");
    else location.reload();
    return;
  }
  Object.assign(fleet.dataset, { look: found.dataset.look, found: found.dataset.found, now: found.dataset.now });
  skewMs = Number(found.dataset.now) - Date.now();
  document.title = fresh.title;
  for (const id of ["counts", "clear"]) take(document.getElementById(id), fresh.getElementById(id));
  if (rowsOf(document) && rowsOf(fresh)) merge(fresh);
  else take(document.getElementById("list"), fresh.getElementById("list"));
  prepare();
}

function isTouched() {
  return [...fleet.querySelectorAll("input, select")].some((one) => one.value !== one.defaultValue && one.type === "text")
    || fleet.contains(document.activeElement);
}

// ---- asking ----

function count(data) {
  const number = new Intl.NumberFormat("en");
  let all = 0;
  for (const [status, many] of Object.entries(data.counts)) {
    all += many;
    const shown = fleet.querySelector(`[data-count="${status}"]`);
    if (shown) say(shown, number.format(many));
  }
  const total = fleet.querySelector('[data-count="all"]');
  if (total) say(total, number.format(all));
  document.title = `${data.counts.down ? `${number.format(data.counts.down)} down · ` : ""}Monitors · Overdue`;
}

async function update(data) {
  count(data);
  const known = new Map([...(rowsOf(document)?.children ?? [])].map((row) => [row.dataset.id, row]));
  let more = data.look !== fleet.dataset.look || String(data.found) !== fleet.dataset.found;
  for (const now of data.rows) {
    const row = known.get(now.id);
    if (!row) more = true;
    else if (patch(row, now)) setTimeout(() => { fleet.dataset.look = ""; tag = null; }, EVERY_MS); // its picture follows
  }
  entitle(fleet);
  // Rows stay where they are while some are ticked: nobody is to hit the wrong one.
  if (ticked().length) return;
  if (more) await show(location.href);
  else if (known.size) order(rowsOf(document), data.rows.map((now) => known.get(now.id)));
}

async function poll() {
  clearTimeout(timer);
  if (document.hidden) return;
  try {
    const reply = await fetch(`/data/fleet${location.search}`, {
      headers: tag ? { "if-none-match": tag } : {},
      signal: AbortSignal.timeout(GIVE_UP_MS),
    });
    if (reply.status === 401) return location.reload();
    if (!reply.ok && reply.status !== 304) throw new Error(`${reply.status}`);
    if (reply.status === 200) {
      await update(await reply.json());
      tag = ticked().length ? null : reply.headers.get("etag");
    }
    waitMs = EVERY_MS;
    if (lost) say(live, "");
    lost = null;
  } catch {
    lost ??= new Date();
    waitMs = Math.min(MOST_MS, waitMs * 2);
    say(live, `No answer since ${lost.toLocaleTimeString()}; trying again.`);
  }
  clearTimeout(timer);
  timer = setTimeout(poll, waitMs);
}

// ---- ticking many ----

const boxes = () => [...(bulk()?.querySelectorAll("#rows input[type=checkbox]") ?? [])];
const ticked = () => boxes().filter((box) => box.checked);

function showTicked() {
  const all = document.getElementById("all");
  if (!all) return;
  const many = ticked().length;
  all.hidden = false;
  all.checked = many > 0 && many === boxes().length;
  all.indeterminate = many > 0 && !all.checked;
  document.getElementById("bar").hidden = !many;
  say(document.getElementById("chosen"), `${many} ticked`);
}

let last = null;

fleet.addEventListener("click", (event) => {
  const box = event.target.closest("#rows input[type=checkbox]");
  if (!box) return;
  const list = boxes();
  if (event.shiftKey && last?.isConnected) {
    const [from, to] = [list.indexOf(last), list.indexOf(box)].sort((a, b) => a - b);
    for (const one of list.slice(from, to + 1)) one.checked = box.checked;
  }
  last = box;
});

fleet.addEventListener("change", (event) => {
  if (event.target.id === "all") for (const box of boxes()) box.checked = event.target.checked;
  if (event.target.closest("#bulk")) showTicked();
  const finder = event.target.closest("#finder");
  if (finder && event.target.tagName === "SELECT") finder.requestSubmit();
});

// ---- searching while it is typed ----

let typing = 0;

fleet.addEventListener("input", (event) => {
  if (event.target.name !== "q") return;
  clearTimeout(typing);
  typing = setTimeout(() => {
    const query = new URLSearchParams([...new FormData(event.target.form)].filter(([, text]) => text));
    if (query.get("sort") === "state") query.delete("sort");
    history.replaceState(null, "", query.size ? `/?${query}` : "/");
    tag = null;
    show(location.href).catch(() => {});
  }, TYPED_MS);
});

// ---- the beginning ----

function prepare() {
  entitle(fleet);
  showTicked();
}

const address = new URL(location.href);
if (address.searchParams.has("said")) {
  address.searchParams.delete("said");
  address.searchParams.delete("n");
  history.replaceState(null, "", address);
}
prepare();
setInterval(tick, 1000);
timer = setTimeout(poll, EVERY_MS);
document.addEventListener("visibilitychange", () => { if (!document.hidden) poll(); });
window.addEventListener("pageshow", showTicked);
