// One chart: a smooth line over time with the band between the least and the greatest, thresholds as lines, incidents
// shaded, a tooltip at the cursor.

import { tickTime } from "./figures.js";
import { colours, thin } from "./theme.js";
import { Tooltip } from "./tooltip.js";

const HEIGHT = 180;
const HIGH = 1, LOW = 2, VALUE = 3;

/** The columns of uPlot, with a hole wherever two points are further apart than `hole_s`. */
export function columns(points, hole_s) {
  const made = [[], [], [], []];
  let before = null;
  for (const point of points) {
    if (before !== null && point.x - before > hole_s) {
      made[0].push((point.x + before) / 2);
      for (const column of made.slice(1)) column.push(null);
    }
    made[0].push(point.x);
    made[HIGH].push(point.high);
    made[LOW].push(point.low);
    made[VALUE].push(point.value);
    before = point.x;
  }
  return made;
}

/** Points that no line reaches; they are drawn as dots. */
function lonely(u, series) {
  const values = u.data[series];
  const found = [];
  for (let i = 0; i < values.length; i++) {
    if (values[i] != null && values[i - 1] == null && values[i + 1] == null) found.push(i);
  }
  return found;
}

export class Chart {
  /** `spec`: `say(value)`, `sayTick(value)`, `lines(point)` for the tooltip, `ceiling()` for what may be cut off,
      `least(low, high)` for the height that is shown at least. */
  constructor(plot, spec) {
    this.plot = plot;
    this.spec = spec;
    this.thresholds = [];
    this.incidents = [];
    this.window = [0, 1];
    this.points = [];
    this.u = new uPlot(this.options(), [[], [], [], []], plot);
    this.tip = new Tooltip(this.u.over);
    this.resizing = new ResizeObserver(() => this.fit());
    this.resizing.observe(plot);
    this.listen();
  }

  options() {
    const smooth = uPlot.paths.spline();
    const edge = { stroke: "transparent", width: 0, paths: smooth, points: { show: false } };
    const axis = {
      stroke: () => colours().soft,
      font: colours().font,
      grid: { stroke: () => colours().line, width: 1 },
      ticks: { show: false },
    };
    return {
      width: Math.max(50, this.plot.clientWidth),
      height: HEIGHT,
      padding: [10, 18, 0, 0],
      legend: { show: false },
      cursor: {
        y: false,
        drag: { x: false, y: false, setScale: false },
        sync: { key: "charts" },
        hover: { skip: [null, undefined] },
        points: { size: 8, width: 2, stroke: () => colours().paper, fill: () => colours().accent },
      },
      scales: {
        x: { time: true, range: () => this.window },
        y: { range: (u, low, high) => this.height(low, high) },
      },
      series: [
        {},
        edge,
        { ...edge },
        {
          stroke: () => colours().accent,
          width: 2,
          paths: smooth,
          points: { show: true, filter: lonely, size: 5, width: 0, fill: () => colours().accent },
        },
      ],
      bands: [{ series: [HIGH, LOW], fill: () => thin(colours().accent, 20) }],
      axes: [
        { ...axis, space: 64, size: 28, gap: 6, values: (u, splits) => splits.map(tickTime) },
        { ...axis, space: 36, gap: 6, size: widthOfTicks, values: (u, splits, at, space, step) => splits.map((value) => this.spec.sayTick(value, step)) },
      ],
      hooks: {
        drawClear: [(u) => this.shade(u)],
        draw: [(u) => this.drawThresholds(u)],
        setCursor: [(u) => this.point(u)],
      },
    };
  }

  /** Show these points (`x` in s, `value`, `low`, `high`) in a window of time. */
  show(points, window, hole_s) {
    this.points = points;
    this.window = window;
    this.byTime = new Map(points.map((point) => [point.x, point]));
    this.u.setData(columns(points, hole_s));
  }

  /** From below what is shown to above it; a threshold is taken in if it is not far away. */
  height(low, high) {
    if (low == null || high == null || !Number.isFinite(high - low)) return [low ?? 0, high ?? 1];
    const ceiling = this.spec.ceiling?.();
    if (ceiling !== undefined && high > ceiling) high = Math.max(low, ceiling);
    const least = this.spec.least?.(low, high) ?? 0;
    if (high - low < least) [low, high] = [(low + high - least) / 2, (low + high + least) / 2];
    const reach = high - low || Math.abs(high) || 1;
    for (const { value } of this.thresholds) {
      if (value > high && value <= high + reach) high = value;
      if (value < low && value >= low - reach) low = value;
    }
    const room = (high - low) * 0.08 || Math.abs(high) * 0.1 || 1;
    const isNearZero = low >= 0 && low <= (high - low) * 0.6;
    return [isNearZero ? 0 : low - room, high + room];
  }

  shade(u) {
    const { left, top, width, height } = u.bbox;
    u.ctx.save();
    u.ctx.fillStyle = thin(colours().down, 14);
    for (const { from, until } of this.incidents) {
      const start = Math.max(left, u.valToPos(from, "x", true));
      const end = Math.min(left + width, u.valToPos(until ?? this.window[1], "x", true));
      if (end > left && start < left + width) u.ctx.fillRect(start, top, Math.max(2 * uPlot.pxRatio, end - start), height);
    }
    u.ctx.restore();
  }

  drawThresholds(u) {
    const { left, top, width, height } = u.bbox;
    const ratio = uPlot.pxRatio;
    u.ctx.save();
    u.ctx.strokeStyle = u.ctx.fillStyle = colours().late;
    u.ctx.font = `${11 * ratio}px ${getComputedStyle(this.plot).fontFamily}`;
    u.ctx.textAlign = "right";
    u.ctx.textBaseline = "alphabetic";
    u.ctx.lineWidth = ratio;
    u.ctx.setLineDash([5 * ratio, 4 * ratio]);
    for (const { value, label } of this.thresholds) {
      const y = u.valToPos(value, "y", true);
      if (!(y >= top && y <= top + height)) continue;
      u.ctx.beginPath();
      u.ctx.moveTo(left, y);
      u.ctx.lineTo(left + width, y);
      u.ctx.stroke();
      u.ctx.fillText(label, left + width - 4 * ratio, y - top > 16 * ratio ? y - 4 * ratio : y + 13 * ratio);
    }
    u.ctx.restore();
  }

  /** What is under the cursor; also other charts show their cursor there, but only this one speaks. */
  point(u) {
    const index = u.cursor.idxs?.[VALUE];
    const x = index == null ? undefined : u.data[0][index];
    const point = this.byTime?.get(x);
    if (!this.isActive || point === undefined || u.cursor.left < 0) {
      this.tip.hide();
      return;
    }
    const top = Math.min(u.over.clientHeight, Math.max(0, u.valToPos(point.value, "y")));
    this.tip.show(this.spec.lines(point), u.valToPos(x, "x"), top, u.over.clientWidth);
  }

  listen() {
    const { over } = this.u;
    over.addEventListener("mouseenter", () => { this.isActive = true; });
    over.addEventListener("mouseleave", () => { this.isActive = false; this.tip.hide(); });
    this.plot.addEventListener("focus", () => {
      if (!this.plot.matches(":focus-visible")) return;
      this.isActive = true;
      this.move(0);
    });
    this.plot.addEventListener("blur", () => {
      this.isActive = false;
      this.u.setCursor({ left: -10, top: -10 });
    });
    this.plot.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
      if (step === undefined) return;
      event.preventDefault();
      this.isActive = true;
      this.move(step);
    });
  }

  /** The cursor goes so many points to the right. */
  move(step) {
    const seen = this.points.filter((point) => point.x >= this.window[0] && point.x <= this.window[1]);
    if (!seen.length) return;
    const now = this.byTime.get(this.u.data[0][this.u.cursor.idxs?.[VALUE]]);
    const from = now ? seen.indexOf(now) : seen.length - 1;
    const point = seen[Math.min(seen.length - 1, Math.max(0, from + step))];
    this.u.setCursor({ left: this.u.valToPos(point.x, "x"), top: Math.max(0, this.u.valToPos(point.value, "y")) });
  }

  fit() {
    const width = this.plot.clientWidth;
    if (width > 0 && width !== this.u.width) this.u.setSize({ width, height: HEIGHT });
  }

  close() {
    this.resizing.disconnect();
    this.u.destroy();
  }
}

/** As wide as the longest text beside the axis. */
function widthOfTicks(u, values, axis, cycle) {
  if (cycle > 1 || !values) return u.axes[axis]._size ?? 40;
  u.ctx.save();
  u.ctx.font = u.axes[axis].font[0];
  const widest = Math.max(0, ...values.map((text) => u.ctx.measureText(text ?? "").width / uPlot.pxRatio));
  u.ctx.restore();
  return Math.ceil(widest) + 12;
}
