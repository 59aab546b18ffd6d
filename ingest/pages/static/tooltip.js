// The small box beside the cursor of a chart: a moment and what there was.

const AWAY = 12;

export class Tooltip {
  constructor(plot) {
    this.box = document.createElement("div");
    this.box.className = "tip";
    this.box.hidden = true;
    this.box.setAttribute("role", "status");
    plot.append(this.box);
  }

  /** Lines of text at a place within the plot; the first is the moment, the second the value. */
  show(lines, left, top, width) {
    this.box.replaceChildren(...lines.filter(Boolean).map((text, number) => {
      const line = document.createElement(number === 1 ? "b" : "span");
      line.textContent = text;
      return line;
    }));
    this.box.hidden = false;
    const fits = left + AWAY + this.box.offsetWidth <= width;
    const x = fits ? left + AWAY : Math.max(0, left - AWAY - this.box.offsetWidth);
    this.box.style.transform = `translate(${Math.round(x)}px, ${Math.round(Math.max(0, top - this.box.offsetHeight / 2))}px)`;
  }

  hide() {
    this.box.hidden = true;
  }
}
