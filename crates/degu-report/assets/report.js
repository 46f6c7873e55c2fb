"use strict";
(() => {
  const make = (tag, properties, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };

  // Tooltips: the titles of SVG marks, shown at once and styled.
  const tooltip = make("div", { id: "tooltip", hidden: true });
  document.body.append(tooltip);
  const place = (event, text) => {
    tooltip.textContent = text;
    tooltip.hidden = false;
    const box = tooltip.getBoundingClientRect();
    const left = Math.min(event.clientX + 14, innerWidth - box.width - 8);
    const below = event.clientY + 16 + box.height < innerHeight;
    tooltip.style.left = Math.max(8, left) + "px";
    tooltip.style.top = (below ? event.clientY + 16 : event.clientY - box.height - 10) + "px";
  };
  const hide = () => { tooltip.hidden = true; };
  for (const title of document.querySelectorAll("figure svg title")) {
    title.parentNode.setAttribute("data-tip", title.textContent);
    title.remove();
  }
  document.addEventListener("mousemove", (event) => {
    const mark = event.target.closest ? event.target.closest("[data-tip]") : null;
    if (mark) place(event, mark.getAttribute("data-tip"));
    else if (event.target.tagName !== "CANVAS") hide();
  });

  // Switches: one figure of a group at a time.
  for (const group of document.querySelectorAll(".switch")) {
    const figures = [...group.children];
    const tabs = make("div", { className: "tabs" });
    const show = (chosen) => {
      figures.forEach((figure, i) => { figure.hidden = i !== chosen; });
      [...tabs.children].forEach((tab, i) => tab.setAttribute("aria-pressed", String(i === chosen)));
    };
    figures.forEach((figure, i) => {
      tabs.append(make("button", { type: "button", textContent: figure.dataset.tab, onclick: () => show(i) }));
    });
    group.prepend(tabs);
    show(0);
  }

  // Each figure can be saved as it stands.
  for (const figure of document.querySelectorAll("figure")) {
    const save = make("button", { className: "save", type: "button", textContent: "Save SVG" });
    save.onclick = () => {
      const text = new XMLSerializer().serializeToString(figure.querySelector("svg"));
      const link = make("a", { download: figure.dataset.name + ".svg" });
      link.href = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    };
    figure.append(save);
  }

  // Tables sort by a click on a column.
  const value = (cell) => {
    if (!cell) return NaN;
    const raw = cell.dataset.value;
    return raw === undefined ? cell.textContent : raw === "inf" ? Infinity : raw === "-inf" ? -Infinity : Number(raw);
  };
  const order = (a, b) => {
    if (typeof a === "number" && typeof b === "number" && !Number.isNaN(a) && !Number.isNaN(b)) return a === b ? 0 : a - b;
    if (typeof a === "number" && typeof b === "number") return Number.isNaN(a) - Number.isNaN(b);
    return String(a).localeCompare(String(b), "en", { numeric: true });
  };
  for (const table of document.querySelectorAll("table")) {
    const body = table.tBodies[0];
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      head.classList.add("sortable");
      head.tabIndex = 0;
      const sort = () => {
        const direction = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
        for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", direction === 1 ? "ascending" : "descending");
        body.append(...[...body.rows].sort((a, b) => direction * order(value(a.cells[column]), value(b.cells[column]))));
      };
      head.onclick = sort;
      head.onkeydown = (event) => { if (event.key === "Enter") sort(); };
    });
  }

  // Folded tables are unfolded on paper.
  addEventListener("beforeprint", () => { for (const fold of document.querySelectorAll("details")) fold.open = true; });

  // The section in view is marked in the navigation.
  const links = new Map([...document.querySelectorAll("nav li a")].map((link) => [link.hash.slice(1), link]));
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      links.forEach((link) => link.classList.remove("here"));
      const link = links.get(entry.target.id);
      if (link) link.classList.add("here");
    }
  }, { rootMargin: "-10% 0px -80% 0px" });
  for (const section of document.querySelectorAll("main > section")) seen.observe(section);

  // The interactive scatter plot.
  const source = document.getElementById("points");
  const explorer = document.getElementById("explorer");
  if (!source || !explorer) return;
  const all = JSON.parse(source.textContent);
  explorer.hidden = false;
  const canvas = explorer.querySelector("canvas");
  const pen = canvas.getContext("2d");
  const controls = explorer.querySelector(".controls");
  const unique = (key) => [...new Set(all.map(key))];
  const select = (label, options) => {
    const box = make("select", {}, ...options.map((o) => make("option", { value: o, textContent: o })));
    if (options.length > 1) controls.append(make("label", {}, label, box));
    box.onchange = () => draw();
    return box;
  };
  const task = select("task", unique((s) => s.task));
  const split = select("split", unique((s) => s.split));
  const model = select("model", unique((s) => s.model));
  const color = select("color by", ["model", "predicted sd", "|error|"]);
  const find = make("input", { type: "search", placeholder: "identifier" });
  find.oninput = () => draw();
  controls.append(make("label", {}, "find", find));

  const total = (s, i) => {
    const [e, a] = [s.epistemic[i], s.aleatoric[i]];
    return e === null && a === null ? null : Math.hypot(e || 0, a || 0);
  };
  const show = (v) => (v === null ? "–" : Number(v.toPrecision(3)).toString().replace("-", "\u2212"));
  const ramp = (t) => {
    const stops = [[222, 230, 238], [142, 69, 133], [64, 16, 72]];
    const at = Math.min(0.9999, Math.max(0, t)) * 2;
    const [a, b, f] = [stops[Math.floor(at)], stops[Math.floor(at) + 1], at % 1];
    return "rgb(" + a.map((c, k) => Math.round(c + (b[k] - c) * f)).join(",") + ")";
  };
  const ticks = (low, high) => {
    const raw = (high - low) / 6;
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw) || 10 * power;
    const list = [];
    for (let i = Math.ceil(low / step); i * step <= high && list.length < 20; i++) list.push(i * step);
    return list;
  };
  const range = (values) => {
    let low = Infinity, high = -Infinity;
    for (const v of values) { if (v < low) low = v; if (v > high) high = v; }
    if (!(low <= high)) return [0, 1];
    const pad = high > low ? 0.05 * (high - low) : Math.abs(low) * 0.1 || 0.5;
    return [low - pad, high + pad];
  };

  let placed = [], series = null;
  const draw = (hovered = -1) => {
    const fits = (s) => s.task === task.value && s.split === split.value;
    series = all.find((s) => fits(s) && s.model === model.value) || all.find(fits) || null;
    const ratio = devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    placed = [];
    const shown = explorer.querySelector(".shown");
    if (!series) { shown.textContent = "No points for this choice."; return; }
    const box = { left: 62, top: 14, right: width - 16, bottom: height - 48 };
    const [x0, x1] = range(series.x);
    const [y0, y1] = range(series.y);
    const px = (v) => box.left + ((v - x0) / (x1 - x0)) * (box.right - box.left);
    const py = (v) => box.bottom - ((v - y0) / (y1 - y0)) * (box.bottom - box.top);
    pen.font = "12px system-ui, sans-serif";
    pen.lineWidth = 1;
    const line = (ax, ay, bx, by) => { pen.beginPath(); pen.moveTo(ax, ay); pen.lineTo(bx, by); pen.stroke(); };
    pen.strokeStyle = "#e7ebef";
    pen.fillStyle = "#5d6b7a";
    pen.textAlign = "center";
    for (const t of ticks(x0, x1)) { line(px(t), box.top, px(t), box.bottom); pen.fillText(show(t), px(t), box.bottom + 18); }
    pen.textAlign = "right";
    for (const t of ticks(y0, y1)) { line(box.left, py(t), box.right, py(t)); pen.fillText(show(t), box.left - 8, py(t) + 4); }
    pen.fillStyle = "#1d2733";
    pen.textAlign = "center";
    const unit = series.unit ? " (" + series.unit + ")" : "";
    pen.fillText("measured" + unit, (box.left + box.right) / 2, height - 10);
    pen.save();
    pen.translate(14, (box.top + box.bottom) / 2);
    pen.rotate(-Math.PI / 2);
    pen.fillText("predicted" + unit, 0, 0);
    pen.restore();
    pen.setLineDash([5, 4]);
    pen.strokeStyle = "#1d2733";
    const [low, high] = [Math.max(x0, y0), Math.min(x1, y1)];
    if (low < high) line(px(low), py(low), px(high), py(high));
    pen.setLineDash([]);

    const by = color.value;
    const size = (i) => (by === "|error|" ? Math.abs(series.y[i] - series.x[i]) : total(series, i));
    const sizes = series.x.map((_, i) => size(i)).filter((v) => v !== null).sort((a, b) => a - b);
    const most = sizes[Math.floor(0.98 * (sizes.length - 1))] || 1;
    const wanted = find.value.trim().toLowerCase();
    const found = [];
    const dot = (i, r) => { pen.beginPath(); pen.arc(px(series.x[i]), py(series.y[i]), r, 0, 7); pen.fill(); };
    series.x.forEach((x, i) => {
      placed.push([px(x), py(series.y[i])]);
      if (wanted && series.id[i].toLowerCase().includes(wanted)) { found.push(i); return; }
      const v = by === "model" ? null : size(i);
      pen.fillStyle = by === "model" ? series.color : v === null ? "#cfd6dd" : ramp(v / most);
      pen.globalAlpha = wanted ? 0.12 : by === "model" ? 0.4 : 0.85;
      dot(i, 2.6);
    });
    pen.globalAlpha = 1;
    pen.fillStyle = "#1d2733";
    for (const i of found) dot(i, 4.5);
    if (hovered >= 0) {
      const sd = total(series, hovered);
      pen.strokeStyle = "#1d2733";
      pen.lineWidth = 1.6;
      if (sd !== null) line(px(series.x[hovered]), py(series.y[hovered] - sd), px(series.x[hovered]), py(series.y[hovered] + sd));
      dot(hovered, 5);
    }
    const thinned = series.total > series.x.length ? "Showing " + series.x.length + " of " + series.total + " sequences. " : "";
    shown.textContent = thinned + (wanted ? found.length + " found." : "");
  };
  canvas.onmousemove = (event) => {
    const frame = canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - frame.left, event.clientY - frame.top];
    let best = -1, distance = 144;
    placed.forEach(([a, b], i) => {
      const d = (a - x) ** 2 + (b - y) ** 2;
      if (d < distance) { distance = d; best = i; }
    });
    draw(best);
    if (best < 0) { hide(); return; }
    const part = (name, v) => (v === null ? "" : "\n" + name + " sd " + show(v));
    const sd = total(series, best);
    place(event, series.id[best] + "\nmeasured " + show(series.x[best]) + "\npredicted " + show(series.y[best]) +
      (sd === null ? "" : " ± " + show(sd)) + part("epistemic", series.epistemic[best]) + part("aleatoric", series.aleatoric[best]));
  };
  canvas.onmouseleave = () => { draw(); hide(); };
  addEventListener("resize", () => draw());
  draw();
})();
