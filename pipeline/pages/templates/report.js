"use strict";
(() => {
  const map = document.getElementById("map");
  const tip = document.getElementById("tip");
  const whole = map.viewBox.baseVal;
  const all = { x: whole.x, y: whole.y, w: whole.width, h: whole.height };
  const most = 40; // times
  let view = { ...all };

  // The view: what part of the map is shown, and how many metres a pixel spans.
  const show = (next) => {
    const w = Math.min(all.w, Math.max(all.w / most, next.w));
    const h = (w * all.h) / all.w;
    view = {
      w, h,
      x: Math.min(all.x + all.w - w, Math.max(all.x, next.x)),
      y: Math.min(all.y + all.h - h, Math.max(all.y, next.y)),
    };
    map.setAttribute("viewBox", `${view.x} ${view.y} ${view.w} ${view.h}`);
    map.classList.toggle("zoomed", w < all.w);
    measure();
  };
  const measure = () => {
    const width = map.clientWidth || 640;
    const unit = view.w / width;
    map.style.setProperty("--unit", unit);
    const scale = document.querySelector(".scale");
    const length = round(unit * width / 5);
    scale.querySelector("span").style.width = `${length / unit}px`;
    scale.querySelector("b").textContent = length >= 1000 ? `${length / 1000} km` : `${length} m`;
    map.dispatchEvent(new CustomEvent("measured", { detail: unit }));
  };
  const round = (length) => {
    const power = 10 ** Math.floor(Math.log10(Math.max(length, 1)));
    return Math.max(...[1, 2, 5].filter((step) => step === 1 || step * power <= length)) * power;
  };
  const place = (event) => {
    const box = map.getBoundingClientRect();
    return { x: view.x + ((event.clientX - box.left) / box.width) * view.w, y: view.y + ((event.clientY - box.top) / box.height) * view.h };
  };
  const middle = () => ({ x: view.x + view.w / 2, y: view.y + view.h / 2 });
  const zoom = (factor, at) => {
    const w = Math.min(all.w, Math.max(all.w / most, view.w * factor));
    const k = w / view.w;
    show({ w, x: at.x - (at.x - view.x) * k, y: at.y - (at.y - view.y) * k });
  };
  const move = (dx, dy) => show({ ...view, x: view.x + dx, y: view.y + dy });

  // Wheel, drag, pinch, keys, buttons.
  map.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey && !map.matches(":focus-within")) return;
    event.preventDefault();
    zoom(Math.exp(event.deltaY * 0.0016), place(event));
  }, { passive: false });

  const fingers = new Map();
  const gap = () => {
    const [a, b] = [...fingers.values()];
    return Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
  };
  map.addEventListener("pointerdown", (event) => { fingers.set(event.pointerId, event); });
  map.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    if (fingers.size === 2) {
      const wide = gap();
      fingers.set(event.pointerId, event);
      const [a, b] = [...fingers.values()];
      zoom(wide / Math.max(gap(), 1), place({ clientX: (a.clientX + b.clientX) / 2, clientY: (a.clientY + b.clientY) / 2 }));
      return;
    }
    if (!map.classList.contains("zoomed")) return;
    const unit = view.w / map.clientWidth;
    map.classList.add("grabbed");
    move((before.clientX - event.clientX) * unit, (before.clientY - event.clientY) * unit);
    fingers.set(event.pointerId, event);
  });
  for (const end of ["pointerup", "pointercancel", "pointerleave"]) {
    map.addEventListener(end, (event) => { fingers.delete(event.pointerId); map.classList.remove("grabbed"); });
  }
  map.addEventListener("keydown", (event) => {
    const step = view.w / 8;
    const keys = {
      "+": () => zoom(0.7, middle()), "=": () => zoom(0.7, middle()), "-": () => zoom(1 / 0.7, middle()), 0: () => show(all),
      ArrowLeft: () => move(-step, 0), ArrowRight: () => move(step, 0), ArrowUp: () => move(0, -step), ArrowDown: () => move(0, step),
    };
    if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    keys[event.key]();
  });
  const zoomBox = document.querySelector(".zoom");
  zoomBox.hidden = false;
  zoomBox.addEventListener("click", (event) => {
    const how = event.target.dataset.zoom;
    if (how) ({ in: () => zoom(0.6, middle()), out: () => zoom(1 / 0.6, middle()), all: () => show(all) })[how]();
  });
  addEventListener("resize", measure);
  measure();

  // Layers.
  for (const box of document.querySelectorAll("[data-layer]")) {
    const layers = box.dataset.layer === "areas" ? ["layer-areas", "layer-ranks"] : [`layer-${box.dataset.layer}`];
    const toggle = () => layers.forEach((id) => document.getElementById(id).classList.toggle("off", !box.checked));
    box.addEventListener("change", toggle);
    toggle();
  }

  // Tooltips, and the same area lit in map and tables.
  const light = (area, on) => {
    for (const one of document.querySelectorAll(`[data-area="${CSS.escape(area)}"]`)) one.classList.toggle("lit", on);
  };
  const say = (target, x, y) => {
    tip.textContent = target.dataset.tip;
    tip.hidden = false;
    tip.style.left = `${Math.max(8, Math.min(x + 14, innerWidth - tip.offsetWidth - 8))}px`;
    tip.style.top = `${y + 18 + tip.offsetHeight > innerHeight ? Math.max(8, y - tip.offsetHeight - 12) : y + 18}px`;
  };
  document.addEventListener("pointermove", (event) => {
    const target = event.target.closest?.("[data-tip]");
    if (target) say(target, event.clientX, event.clientY);
    else tip.hidden = true;
  });
  document.addEventListener("focusin", (event) => {
    if (!event.target.dataset.tip || !event.target.matches(":focus-visible")) return;
    const box = event.target.getBoundingClientRect();
    say(event.target, box.left + box.width / 2, box.top + box.height / 2);
  });
  document.addEventListener("focusout", () => { tip.hidden = true; });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") tip.hidden = true; });
  document.addEventListener("pointerover", (event) => { const one = event.target.closest?.("[data-area]"); if (one) light(one.dataset.area, true); });
  document.addEventListener("pointerout", (event) => { const one = event.target.closest?.("[data-area]"); if (one) light(one.dataset.area, false); });

  // Sorting: by data-v where a cell has one, else by its text.
  const value = (row, column) => {
    const cell = row.cells[column];
    const text = cell.dataset.v ?? cell.textContent.trim();
    const figure = Number(text);
    return text === "" || Number.isNaN(figure) ? text : figure;
  };
  const compare = (a, b) => typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), undefined, { numeric: true });
  for (const table of document.querySelectorAll("table.sortable")) {
    table.tHead.addEventListener("click", (event) => {
      const head = event.target.closest("button")?.parentElement;
      if (!head) return;
      const isRising = head.getAttribute("aria-sort") !== "ascending";
      for (const other of table.tHead.querySelectorAll("[aria-sort]")) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", isRising ? "ascending" : "descending");
      const body = table.tBodies[0];
      const rows = [...body.rows].sort((a, b) => compare(value(a, head.cellIndex), value(b, head.cellIndex)) * (isRising ? 1 : -1));
      body.append(...rows);
    });
  }

  // An old run says so.
  const expired = document.getElementById("expired");
  const check = () => { if (Date.now() > Date.parse(expired.dataset.validTo)) expired.hidden = false; };
  check();

  // On paper: what had expired by then, the whole map, and every detail open but the notices.
  addEventListener("beforeprint", () => {
    check();
    show(all);
    for (const one of document.querySelectorAll("tr.listed details:not([open])")) { one.open = true; one.dataset.closed = ""; }
  });
  addEventListener("afterprint", () => {
    for (const one of document.querySelectorAll("details[data-closed]")) { one.open = false; delete one.dataset.closed; }
  });
  // Long tables are folded on a phone.
  const narrow = matchMedia("(max-width: 600px)");
  const fold = () => { for (const one of document.querySelectorAll(".fold")) one.open = !narrow.matches; };
  narrow.addEventListener("change", fold);
  fold();
  for (const one of document.querySelectorAll(".script[hidden]")) one.hidden = false;
  for (const one of document.querySelectorAll(".noscript")) one.hidden = true;
})();
