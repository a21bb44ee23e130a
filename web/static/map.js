// Draws the layers of the run. A click on a place opens its row; a row that is opened is brought into view.
"use strict";
(() => {
  const frame = document.getElementById("board-map");
  if (!frame || !window.maplibregl) return;
  const probe = document.createElement("canvas");
  if (!(probe.getContext("webgl2") || probe.getContext("webgl"))) return;
  frame.replaceChildren();
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const [west, south, east, north] = frame.dataset.bounds.split(",").map(Number);
  const map = new maplibregl.Map({
    container: frame,
    style: { version: 8, sources: {}, layers: [{ id: "ground", type: "background", paint: { "background-color": colour("--water") } }] },
    bounds: [[west, south], [east, north]],
    fitBoundsOptions: { padding: 24 },
    attributionControl: false,
    dragRotate: false,
    pitchWithRotate: false,
    touchPitch: false,
  });
  map.addControl(new maplibregl.NavigationControl({ showCompass: false }), "top-left");
  map.addControl(new maplibregl.ScaleControl());
  map.getCanvas().setAttribute("aria-label", frame.getAttribute("aria-label"));
  frame.removeAttribute("role");
  frame.removeAttribute("aria-label");
  const steps = (names) => ["match", ["get", "step"], ...names.flatMap((name, step) => [step, colour(name)]), "rgba(0,0,0,0)"];
  const ink = colour("--ink");
  const KINDS = { areas: "area", area_sets: "area", cells: "cell", hotspots: "hotspot", markets: "market", visits: "cell" };
  const DRAWN = {
    areas: [
      { type: "fill", paint: { "fill-color": steps(["--a5", "--a4", "--a3", "--a2", "--a1", "--a0"]) } },
      { type: "line", paint: { "line-color": ["case", ["==", ["get", "is_listed"], true], colour("--listed"), colour("--edge")], "line-width": ["case", ["==", ["get", "is_listed"], true], 2.5, 1] } },
    ],
    area_sets: [{ type: "line", paint: { "line-color": ink, "line-width": 1 } }],
    cells: [{ type: "fill", filter: ["<", ["get", "step"], 4], paint: { "fill-color": steps(["--c3", "--c2", "--c1", "--c0"]), "fill-opacity": 0.85 } }],
    hotspots: [{ type: "fill", paint: { "fill-color": ink, "fill-opacity": 0.08 } }, { type: "line", paint: { "line-color": ink, "line-width": 1.5 } }],
    markets: [{ type: "fill", paint: { "fill-color": ink, "fill-opacity": ["match", ["get", "grade"], "flagrant", 0.55, 0.2] } }, { type: "line", paint: { "line-color": ink, "line-width": 2, "line-dasharray": [2, 1] } }],
    visits: [{ type: "fill", paint: { "fill-color": colour("--accent"), "fill-opacity": 0.45 } }],
    points: [{ type: "circle", paint: { "circle-radius": 4, "circle-color": colour("--treatment"), "circle-stroke-color": colour("--card"), "circle-stroke-width": 1 } }],
  };
  const ORDER = Object.keys(DRAWN);
  const boxes = new Map();
  let pins = [];
  const boxOf = (geometry) => {
    const box = new maplibregl.LngLatBounds();
    const walk = (part) => (typeof part[0] === "number" ? box.extend(part) : part.forEach(walk));
    walk(geometry.coordinates);
    return box;
  };
  const loaded = new Map();
  const load = (name) => {
    if (!loaded.has(name)) loaded.set(name, (async () => {
      const answer = await fetch(`/map/${frame.dataset.run}/${frame.dataset.version}/${name}.json`, { credentials: "same-origin" });
      if (!answer.ok) return;
      const features = await answer.json();
      for (const feature of features.features) boxes.set(`${KINDS[name]}:${feature.properties.id}`, boxOf(feature.geometry));
      map.addSource(name, { type: "geojson", data: features });
      const above = ORDER.slice(ORDER.indexOf(name) + 1).find((other) => map.getLayer(`${other}-0`));
      DRAWN[name].forEach((layer, n) => {
        map.addLayer({ id: `${name}-${n}`, source: name, ...layer }, above && `${above}-0`);
      });
      if (name === "areas" && features.features.length <= 80) pins = features.features.map((feature) => pin(feature, feature.properties.rank));
    })());
    return loaded.get(name);
  };
  const pin = (feature, text) => {
    const mark = document.createElement("div");
    mark.className = feature.properties.is_listed ? "pin listed" : "pin";
    mark.textContent = text;
    mark.setAttribute("aria-hidden", "true");
    return new maplibregl.Marker({ element: mark }).setLngLat(boxOf(feature.geometry).getCenter()).addTo(map);
  };
  const moves = async () => {
    const answer = await fetch(frame.dataset.moves, { credentials: "same-origin" });
    if (!answer.ok) return;
    const features = await answer.json();
    const moved = ["coalesce", ["get", "moved"], 0];
    map.addSource("moves", { type: "geojson", data: features });
    map.addLayer({ id: "moves-0", source: "moves", type: "fill", paint: { "fill-color": ["case", [">", moved, 0], colour("--c2"), ["<", moved, 0], colour("--a4"), colour("--a0")], "fill-opacity": ["min", 1, ["+", 0.45, ["*", 0.15, ["abs", moved]]]] } });
    map.addLayer({ id: "moves-1", source: "moves", type: "line", paint: { "line-color": colour("--edge"), "line-width": 1 } });
    if (features.features.length <= 80) for (const feature of features.features) {
      const by = feature.properties.moved || 0;
      pin(feature, by > 0 ? `▲ ${by}` : by < 0 ? `▼ ${-by}` : "0");
    }
  };
  const toggle = async (box) => {
    if (box.checked) await load(box.value);
    DRAWN[box.value].forEach((_, n) => {
      if (map.getLayer(`${box.value}-${n}`)) map.setLayoutProperty(`${box.value}-${n}`, "visibility", box.checked ? "visible" : "none");
    });
    if (box.value === "areas") for (const pin of pins) pin.getElement().hidden = !box.checked;
    frame.dataset.drawn = [...loaded.keys()].join(" ");
  };
  const opened = (key) => {
    const box = boxes.get(key);
    if (box) map.fitBounds(box, { padding: 70, maxZoom: 16, duration: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 500 });
    for (const name of ["areas", "hotspots", "markets", "cells"]) {
      if (!map.getSource(name)) continue;
      if (!map.getLayer(`${name}-lit`)) map.addLayer({ id: `${name}-lit`, source: name, type: "line", paint: { "line-color": colour("--accent"), "line-width": 4 } });
      map.setFilter(`${name}-lit`, ["==", ["get", "id"], key.startsWith(`${KINDS[name]}:`) ? key.slice(key.indexOf(":") + 1) : ""]);
    }
  };
  // Plain lines without labels for tiles of shapes: labels would need fonts, which no package ships.
  const base = async () => {
    const answer = await fetch(document.documentElement.dataset.base, { credentials: "same-origin" });
    if (answer.status !== 200) return;
    const { lines, ...source } = await answer.json();
    const tiles = source.tiles.map((each) => (each.startsWith("/") ? location.origin + each : each));
    map.addSource("base", { ...source, tiles });
    if (source.type === "raster") map.addLayer({ id: "base", type: "raster", source: "base" });
    for (const name of lines) map.addLayer({ id: `base-${name}`, type: "line", source: "base", "source-layer": name, paint: { "line-color": colour("--soft"), "line-width": 0.8 } });
    if (source.attribution) map.addControl(new maplibregl.AttributionControl({ compact: true }));
    for (const name of ["areas", "cells"]) DRAWN[name][0].paint["fill-opacity"] = 0.55;
    frame.dataset.base = source.type;
  };
  map.on("load", async () => {
    if (document.documentElement.dataset.base) await base();
    if (frame.dataset.moves) await moves();
    for (const box of document.querySelectorAll("#layers input")) {
      box.addEventListener("change", () => toggle(box));
      await toggle(box);
    }
    const first = document.querySelector("#detail [data-opened]");
    if (first) opened(first.dataset.opened);
    frame.dataset.ready = "true";
  });
  map.on("click", (event) => {
    const names = [...ORDER].reverse().filter((name) => KINDS[name] && name !== "visits" && map.getLayer(`${name}-0`));
    for (const name of names) {
      const found = map.queryRenderedFeatures(event.point, { layers: [`${name}-0`] });
      if (!found.length) continue;
      const key = `${KINDS[name]}:${found[0].properties.id}`;
      document.dispatchEvent(new CustomEvent("chosen", { detail: key }));
      return;
    }
  });
  document.addEventListener("opened", (event) => opened(event.detail.opened));
})();
