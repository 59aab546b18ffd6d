// All figures of a monitor: one for each key by itself, drawn when it comes into view, kept up to date as pings arrive.

import { now_ms } from "./clock.js";
import { LatenessSource, NumberSource, TextSource, ask, seconds } from "./sources.js";
import { onThemeChange } from "./theme.js";

const NEAR = "300px";
const LEAST_WINDOW_S = 600;

/** All figures. What they are of is read from the page, which is kept up to date by others. */
export class Charts {
  constructor(page, place) {
    this.page = page;
    this.place = place;
    this.address = page.dataset.address;
    this.sources = new Map();
    this.incidents = [];
    this.rules = [];
    this.hours = 24;
    this.seen = new IntersectionObserver((entries) => this.look(entries), { rootMargin: NEAR });
    onThemeChange(() => this.redraw());
  }

  /** The stretch of time that is shown; of a monitor that is younger, its life. */
  window() {
    const now = now_ms() / 1000;
    return [Math.max(now - this.hours * 3600, Math.min(this.born_s, now - LEAST_WINDOW_S)), now];
  }

  choose(hours) {
    this.hours = hours;
    this.refresh();
  }

  look(entries) {
    for (const { target, isIntersecting } of entries) {
      const source = this.sources.get(target.dataset.id);
      if (source) source.isSeen = isIntersecting;
    }
    this.refresh();
  }

  /** Read the page anew: new keys get figures, what has grown is loaded. */
  follow() {
    const state = this.page.querySelector(".state").dataset;
    [this.interval_s, this.grace_s, this.born_s] = [Number(state.interval), Number(state.grace), seconds(state.born)];
    this.rules = [...this.page.querySelectorAll(".rules [data-threshold]")].map(({ dataset }) => ({
      key: dataset.key, operator: dataset.operator, value: Number(dataset.threshold),
    }));
    const pings = this.page.querySelector(".pings [data-id]");
    const wanted = pings ? [["lateness", "Lateness", LatenessSource, pings.dataset.id, ""]] : [];
    for (const row of this.page.querySelectorAll(".values [data-id]")) {
      const { id, type, at } = row.dataset;
      const kind = type === "number" ? NumberSource : TextSource;
      wanted.push([`${type}:${id}`, id, kind, at, row.querySelector(".value").textContent]);
    }
    this.keep(wanted);
    this.followIncidents();
    this.refresh();
  }

  keep(wanted) {
    let place = this.place.firstElementChild;
    const gone = new Map(this.sources);
    for (const [id, title, kind, newest, text] of wanted) {
      gone.delete(id);
      let source = this.sources.get(id);
      if (!source) {
        source = new kind(this, id, title);
        this.sources.set(id, source);
        this.place.insertBefore(source.figure, place);
        this.seen.observe(source.figure);
      } else {
        place = source.figure.nextElementSibling;
      }
      [source.newest, source.text] = [newest, text];
    }
    for (const [id, source] of gone) {
      this.sources.delete(id);
      source.close();
    }
    this.place.hidden = !this.sources.size;
    document.getElementById("values").classList.toggle("charted", this.sources.size > 0);
  }

  async followIncidents() {
    const entries = [...this.page.querySelectorAll(".timeline [data-id]")];
    const shown = entries.map((one) => one.dataset.id + one.className).join();
    if (shown === this.shaded) return;
    try {
      const { incidents } = await ask(`${this.address}/data/incidents`, {});
      this.shaded = shown;
      this.incidents = incidents.map((one) => ({
        kind: one.kind, key: one.metricKey, from: seconds(one.startedAt), until: one.endedAt && seconds(one.endedAt),
      }));
      this.redraw();
    } catch {
      // The next look tries again.
    }
  }

  refresh() {
    if ("over" in this.page.dataset) return; // signed out, or the monitor is gone
    for (const source of this.sources.values()) source.refresh();
  }

  redraw() {
    for (const source of this.sources.values()) if (source.isSeen) source.redraw();
  }
}
