// Keeps the parts of a page up to date without a reload: asks whether there is news, and takes over what has changed.

import { enableCopying, localize } from "./app.js";
import { setServerTime, tick } from "./clock.js";

const EVERY_MS = 2000;
const LONGEST_WAIT_MS = 30_000;
const GIVE_UP_MS = 10_000;
const SAID = {
  401: "You are signed out. Load the page again to sign in.",
  404: "This monitor is not there any more.",
};

// What the server said last, by element: scripts change what is shown, so that cannot be compared.
const told = new WeakMap();

const isInUse = (element) =>
  element.contains(document.activeElement) || element.querySelector("details[open]") !== null;

/** Take over a part; false if some of it has to wait because it is in use. */
function take(part, fresh) {
  const list = part.querySelector("[data-list]");
  const news = fresh.querySelector("[data-list]");
  if (list && news) {
    const whole = merge(list, news);
    return takeOthers(part, list, fresh, news) && whole;
  }
  return replace(part, fresh, (element) => element.replaceChildren(...fresh.cloneNode(true).childNodes));
}

/** What stands below the list, such as the way to all of its entries. */
function takeOthers(part, list, fresh, news) {
  const others = [...part.children].filter((one) => !one.contains(list));
  const wanted = [...fresh.children].filter((one) => !one.contains(news));
  const said = (those) => those.map((one) => one.outerHTML).join();
  if (said(others) === said(wanted)) return true;
  if (others.some(isInUse)) return false;
  for (const one of others) one.remove();
  part.append(...wanted.map((one) => one.cloneNode(true)));
  return true;
}

function replace(element, fresh, put) {
  if (told.get(element) === fresh.innerHTML) return true;
  if (isInUse(element)) return false;
  put(element);
  told.set(element, fresh.innerHTML);
  return true;
}

/** Entry by entry: what is new comes in, what is gone goes, what is the same stays as it is. */
function merge(list, news) {
  const known = new Map([...list.children].map((entry) => [entry.dataset.id, entry]));
  let whole = true;
  let place = list.firstElementChild;
  for (const fresh of news.children) {
    let entry = known.get(fresh.dataset.id);
    known.delete(fresh.dataset.id);
    if (entry === undefined || (told.get(entry) !== fresh.outerHTML && !isInUse(entry))) {
      const raw = fresh.outerHTML;
      const made = fresh.cloneNode(true);
      told.set(made, raw);
      if (place === entry && place) place = place.nextElementSibling;
      entry?.remove();
      entry = made;
    } else if (told.get(entry) !== fresh.outerHTML) {
      whole = false;
    }
    if (entry === place) place = place.nextElementSibling;
    else list.insertBefore(entry, place);
  }
  for (const gone of known.values()) {
    if (isInUse(gone)) whole = false;
    else gone.remove();
  }
  return whole;
}

/** Follows `address` for as long as the page is looked at. `onNews` is called after parts may have changed. */
export class Live {
  constructor(page, address, onNews) {
    this.page = page;
    this.address = address;
    this.onNews = onNews;
    this.tag = page.dataset.tag;
    this.trouble = document.getElementById("trouble");
    this.news = null;
    this.failures = 0;
    this.timer = 0;
    document.addEventListener("visibilitychange", () => this.look());
    this.wait(EVERY_MS);
  }

  wait(ms) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.look(), ms);
  }

  async look() {
    if (document.hidden || this.isLooking || this.isOver) return;
    this.isLooking = true;
    try {
      await this.ask();
      this.failures = 0;
    } catch {
      this.failures += 1;
    }
    this.isLooking = false;
    if (this.isOver) return;
    if (this.failures > 1) this.say("Overdue cannot be reached; what is shown may be old. Trying again …");
    else if (!this.failures) this.say("");
    this.wait(Math.min(EVERY_MS * 2 ** this.failures, LONGEST_WAIT_MS));
  }

  async ask() {
    const reply = await fetch(this.address, {
      headers: { "if-none-match": this.tag },
      signal: AbortSignal.timeout(GIVE_UP_MS),
    });
    if (reply.status in SAID) {
      this.isOver = true;
      this.page.dataset.over = "";
      this.say(SAID[reply.status]);
      return;
    }
    if (reply.status === 200) {
      this.news = new DOMParser().parseFromString(await reply.text(), "text/html").getElementById("monitor");
      this.tag = reply.headers.get("etag");
      setServerTime(this.news.dataset.now);
    } else if (reply.status !== 304) {
      throw new Error(`answered ${reply.status}`);
    }
    this.show();
  }

  show() {
    if (this.news) {
      let whole = true;
      for (const fresh of this.news.querySelectorAll("[data-part]")) {
        const part = this.page.querySelector(`[data-part="${fresh.dataset.part}"]`);
        if (part && !take(part, fresh)) whole = false;
      }
      if (whole) this.news = null;
      localize(this.page);
      enableCopying(this.page);
      tick();
    }
    this.onNews();
  }

  say(text) {
    this.trouble.hidden = !text;
    this.trouble.textContent = text;
  }
}
