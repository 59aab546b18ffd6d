// What one figure of a monitor shows: a number over time, how late pings came, or what a text said; and how far it knows.

import { Chart } from "./chart.js";
import { now_ms } from "./clock.js";
import { lateness, moment, number, tickLateness, tickNumber } from "./figures.js";

// About so many points make a line that is smooth, and the band around it says what they leave out.
const POINTS = 180;
const MOST_STEPS = 1.5 * POINTS;
const SLIDE_EVERY_MS = 15_000;
const GIVE_UP_MS = 15_000;
const GROW_AT_MOST_EVERY_S = 15, GROWS_A_STEP = 10;
const MOST_CHANGES = 5, MOST_STRETCHES = 100, SHADES = 4;
export const seconds = (text) => Date.parse(text) / 1000;

export async function ask(address, query) {
  const reply = await fetch(`${address}?${new URLSearchParams(query)}`, { signal: AbortSignal.timeout(GIVE_UP_MS) });
  if (!reply.ok) throw new Error(`answered ${reply.status}`);
  return reply.json();
}

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

/** What one figure shows, and how far it knows. */
class Source {
  constructor(board, id, title) {
    this.board = board;
    this.title = title;
    this.figure = element("figure", "card chart");
    this.figure.dataset.id = id;
    const head = element("figcaption");
    head.append(element("h3", "broken-anywhere", title));
    head.title = title;
    this.summary = head.appendChild(element("p", "soft summary"));
    this.figure.append(head);
    this.points = [];
    this.range = 0;
    this.known = "";
    this.newest = "";
  }

  /** Load what is missing, if it can be seen: everything for another range, else only the end. */
  async refresh() {
    if (!this.isSeen || this.isLoading) return;
    const { hours } = this.board;
    const isOther = this.range !== hours || this.points.length > MOST_STEPS;
    const isGrowing = this.known !== this.newest && now_ms() - this.asked_ms > this.pause_ms();
    const isSliding = now_ms() - this.drawn_ms > SLIDE_EVERY_MS;
    if (!isOther && !isGrowing && !isSliding) return;
    this.isLoading = true;
    const newest = this.newest;
    try {
      if (isOther) await this.load(hours);
      else if (isGrowing) await this.grow();
      if (isOther || isGrowing) this.known = newest;
      this.show();
    } catch {
      if (!this.points.length) this.summary.textContent = "This cannot be loaded now; trying again.";
    }
    this.isLoading = false;
    // Only if another range was chosen meanwhile: what could not be loaded waits for the next look.
    if (this.board.hours !== hours) this.board.refresh();
  }

  /** A step that has hardly begun looks the same: so long nothing is asked again. */
  pause_ms() {
    return 1000 * Math.min(GROW_AT_MOST_EVERY_S, this.step_s / GROWS_A_STEP);
  }

  async load(hours) {
    const [from, to] = this.board.window();
    const found = await this.fetch({ from: from.toFixed(3), to: (to + 1).toFixed(3), points: POINTS });
    this.step_s = found.step;
    this.points = found.points.map((point) => this.read(point)).filter(Boolean);
    this.range = hours;
    this.asked_ms = now_ms();
  }

  async grow() {
    const last = this.points.at(-1);
    const from = last ? last.x : this.board.window()[0];
    const found = await this.fetch({ from: from.toFixed(3), step: this.step_s });
    const fresh = found.points.map((point) => this.read(point)).filter(Boolean);
    this.points = [...this.points.filter((point) => point.x < from), ...fresh];
    this.asked_ms = now_ms();
  }

  show() {
    const [from] = this.board.window();
    this.points = this.points.filter((point) => point.x >= from - this.step_s);
    this.drawn_ms = now_ms();
    this.draw();
  }
}

/** A line over time. */
class LineSource extends Source {
  constructor(board, id, title) {
    super(board, id, title);
    this.rules = this.figure.appendChild(element("p", "soft chart-rules"));
    this.rules.hidden = true;
    this.plot = this.figure.appendChild(element("div", "plot"));
    this.plot.tabIndex = 0;
    this.plot.setAttribute("role", "group"); // not "img": the tooltip in it is to be read
    this.plot.setAttribute("aria-label", `Chart of ${title}`);
  }

  draw() {
    this.chart ??= new Chart(this.plot, this.spec());
    this.mark();
    this.chart.show(this.points, this.board.window(), this.hole_s());
    const values = this.points.map((point) => point.value);
    const lows = this.points.map((point) => point.low), highs = this.points.map((point) => point.high);
    if (!values.length) {
      this.summary.textContent = this.nothing();
    } else {
      const { say } = this.spec();
      const low = lows.reduce((a, b) => Math.min(a, b)), high = highs.reduce((a, b) => Math.max(a, b));
      const last = element("b", "", say(this.last()));
      this.summary.replaceChildren(last, ` · min ${say(low)} · max ${say(high)}`);
    }
    this.plot.setAttribute("aria-label", `Chart of ${this.title}, last ${this.board.hours} hours: ${this.summary.textContent}`);
  }

  nothing() {
    return `nothing in the last ${this.board.hours} h`;
  }

  last() {
    return this.points.at(-1).last;
  }

  /** Two points that are further apart have a hole between them: something that was expected did not come. */
  hole_s() {
    return Math.max(2.5 * this.step_s, this.board.interval_s + this.board.grace_s + this.step_s);
  }

  /** Thresholds and incidents of this figure. */
  mark() {
    if (!this.chart) return;
    this.chart.thresholds = this.thresholds();
    this.chart.incidents = this.board.incidents.filter((one) => this.concerns(one));
  }

  redraw() {
    if (!this.chart) return;
    this.mark();
    this.chart.show(this.points, this.board.window(), this.hole_s());
  }

  close() {
    this.chart?.close();
    this.figure.remove();
  }
}

/** A key whose values are numbers. */
export class NumberSource extends LineSource {
  fetch(query) {
    return ask(`${this.board.address}/data/points`, { key: this.title, ...query });
  }

  read(point) {
    if (point.avg === undefined) return null;
    const last = typeof point.last === "number" ? point.last : point.avg;
    return { x: seconds(point.t), value: point.avg, low: point.min, high: point.max, last, count: point.count };
  }

  spec() {
    return {
      say: number,
      sayTick: tickNumber,
      lines: (point) => [
        moment(point.x),
        number(point.value),
        point.count > 1 && `${number(point.low)} – ${number(point.high)}, average of ${point.count}`,
      ],
    };
  }

  thresholds() {
    const rules = this.board.rules.filter((rule) => rule.key === this.title);
    const said = rules.map((rule) => `${rule.operator} ${number(rule.value)}`);
    this.rules.hidden = !rules.length;
    this.rules.textContent = `alert if ${said.join(", ")}`;
    return rules.map((rule, index) => ({ value: rule.value, label: said[index] }));
  }

  concerns(incident) {
    return incident.kind !== "metric" || incident.key === this.title;
  }
}

/** How late pings came: the latest of each step. */
export class LatenessSource extends LineSource {
  fetch(query) {
    return ask(`${this.board.address}/data/lateness`, query);
  }

  read(point) {
    return { x: seconds(point.t), value: point.max, low: point.min, high: point.max, last: point.max, count: point.count };
  }

  spec() {
    return {
      say: lateness,
      sayTick: tickLateness,
      // A silence of hours would press everything else flat; that it was one is shaded, and its length is in the list.
      ceiling: () => 1.5 * (this.board.grace_s || this.board.interval_s),
      // Pings that are equally late to the millisecond are no mountains.
      least: (low, high) => Math.max(1, Math.abs(low) / 10, Math.abs(high) / 10),
      lines: (point) => [
        moment(point.x),
        lateness(point.value),
        point.count > 1 && `the latest of ${point.count} pings; earliest ${lateness(point.low)}`,
      ],
    };
  }

  nothing() {
    return "said from the second ping on";
  }

  hole_s() {
    return Infinity;
  }

  thresholds() {
    return [{ value: this.board.grace_s, label: "end of grace" }];
  }

  concerns(incident) {
    return incident.kind !== "metric";
  }
}

/** A key whose values are texts: what it says now, and what it said before. */
export class TextSource extends Source {
  constructor(board, id, title) {
    super(board, id, title);
    this.strip = this.figure.appendChild(element("div", "strip"));
    this.strip.setAttribute("aria-hidden", "true");
    this.changes = this.figure.appendChild(element("ol", "changes"));
  }

  fetch(query) {
    return ask(`${this.board.address}/data/points`, { key: this.title, ...query });
  }

  read(point) {
    return { x: seconds(point.t), last: String(point.last) };
  }

  draw() {
    const changes = this.points.filter((point, index) => index === 0 || this.points[index - 1].last !== point.last);
    this.summary.replaceChildren(element("b", "broken-anywhere", this.text), ` · ${Math.max(0, changes.length - 1)} changes`);
    this.changes.replaceChildren(...changes.slice(-MOST_CHANGES).reverse().map((change) => {
      const entry = element("li");
      entry.append(element("span", "soft", moment(change.x)), " ", element("span", "broken-anywhere", change.last));
      return entry;
    }));
    this.drawStrip(changes);
  }

  /** One stretch for each value that it kept, as long as it kept it; the same value has the same shade. */
  drawStrip(changes) {
    const shades = new Map();
    const [, until] = this.board.window();
    this.strip.replaceChildren(...changes.slice(-MOST_STRETCHES).map((change, index, shown) => {
      if (!shades.has(change.last)) shades.set(change.last, shades.size % SHADES);
      const stretch = element("span", `shade-${shades.get(change.last)}`);
      stretch.style.flexGrow = Math.max(1, (shown[index + 1]?.x ?? until) - change.x);
      stretch.title = `${change.last}, since ${moment(change.x)}`;
      return stretch;
    }));
  }

  redraw() {}

  close() {
    this.figure.remove();
  }
}
