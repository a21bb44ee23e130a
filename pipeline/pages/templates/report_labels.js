// Names of areas on the map: the worst first; a name that would cover another label, or be cut off, waits until one zooms in.
(() => {
  const map = document.getElementById("map");
  const labels = [...map.querySelectorAll(".label")].map((label) => {
    const [x, y] = label.getAttribute("transform").match(/-?[\d.]+/g).map(Number);
    return { label, x, y, letters: label.querySelector(".name").textContent.length };
  });
  const cover = (a, b) => a.x0 < b.x1 && b.x0 < a.x1 && a.y0 < b.y1 && b.y0 < a.y1;
  map.addEventListener("measured", (event) => {
    const unit = event.detail;
    const shown = map.viewBox.baseVal;
    const taken = labels.map(({ x, y }) => ({ x0: x - 9 * unit, x1: x + 9 * unit, y0: y - 9 * unit, y1: y + 9 * unit }));
    labels.forEach(({ label, x, y, letters }, n) => {
      const box = { x0: x + 11 * unit, x1: x + (13 + 7 * letters) * unit, y0: y - 8 * unit, y1: y + 8 * unit };
      const isInside = x < shown.x || box.x1 <= shown.x + shown.width;
      const fits = isInside && !taken.some((other, m) => m !== n && cover(box, other));
      label.classList.toggle("crowded", !fits);
      if (fits) taken.push(box);
    });
  });
  dispatchEvent(new Event("resize"));
})();
