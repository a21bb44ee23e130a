// The question of the day: a group of offences and a shift; map and table follow.
(() => {
  const holder = document.getElementById("question-data");
  if (!holder) return;
  const chosenGroup = document.getElementById("question-group");
  const chosenShift = document.getElementById("question-shift");
  const answer = document.getElementById("question-answer");
  const words = answer.querySelector("[data-words]");
  const map = document.getElementById("map");
  const number = new Intl.NumberFormat(document.documentElement.lang, { maximumFractionDigits: 1 });
  const percent = new Intl.NumberFormat(document.documentElement.lang, { style: "percent" });
  const share = (chance) => chance > 0 && chance < 0.01 ? `<${percent.format(0.01)}` : percent.format(chance);
  const steps = [0.05, 0.2, 0.4, 0.6, 0.8];
  const focus = new Map([...document.getElementById("question-focus").content.children].map((one) => [one.dataset.of, one]));
  const areas = [...map.querySelectorAll(".area")].map((path) => ({ path, classes: path.getAttribute("class"), tip: path.dataset.tip }));
  const ranks = [...map.querySelectorAll(".label")].map((label) => ({ label, text: label.querySelector(".rank"), rank: label.querySelector(".rank").textContent }));
  let rows;
  const read = () => {
    if (rows) return rows;
    const { columns, values } = JSON.parse(holder.content.textContent);
    rows = values[0].map((_, n) => Object.fromEntries(columns.map((name, at) => [name, values[at][n]])));
    return rows;
  };
  const fill = (text, fields) => text.replace(/\[(\w+)\]/g, (_, name) => fields[name]);
  const cell = (text, kind = "td", name = "") => {
    const one = document.createElement(kind);
    one.textContent = text;
    if (name) one.className = name;
    return one;
  };
  const show = () => {
    const isAll = chosenGroup.value === "";
    answer.hidden = isAll;
    map.classList.toggle("by-question", !isAll);
    chosenShift.disabled = isAll;
    for (const { path, classes, tip } of areas) { path.setAttribute("class", classes); path.dataset.tip = tip; path.setAttribute("aria-label", tip); }
    for (const { text, rank } of ranks) text.textContent = rank;
    if (isAll) return;
    // What is too rare in a shift to be ranked, and what may not be told by time, has no answer for it.
    const answers = read().filter((row) => row.offence_group === chosenGroup.value);
    const shifts = new Set(answers.map((row) => row.shift));
    for (const one of chosenShift.options) one.disabled = !shifts.has(one.value);
    if (!shifts.has(chosenShift.value)) chosenShift.value = answers[0].shift;
    const found = answers.filter((row) => row.shift === chosenShift.value);
    words.textContent = fill(words.dataset.words, { group: chosenGroup.selectedOptions[0].textContent, shift: chosenShift.selectedOptions[0].textContent });
    answer.querySelector("tbody").replaceChildren(...found.map((row) => {
      const line = document.createElement("tr");
      const of = focus.get(row.area_id);
      const name = cell(of.title, "th");
      name.scope = "row";
      line.dataset.area = row.area_id;
      line.append(cell(row.rank, "td", "rank"), name, cell(share(row.p_top_k)),
        cell(`${number.format(row.expected_count)} (${number.format(row.expected_lo)}–${number.format(row.expected_hi)})`, "td", "n"),
        cell(`${row.rank_lo}–${row.rank_hi}`), cell(number.format(row.count_28_days), "td", "n"),
        cell(number.format(row.count_365_days), "td", "n"), cell(of.textContent || "–"));
      return line;
    }));
    const byArea = new Map(found.map((row) => [row.area_id, row]));
    for (const { path } of areas) {
      const row = byArea.get(path.dataset.area);
      path.setAttribute("class", `area a${row ? steps.filter((step) => row.p_top_k >= step).length : 0}`);
      if (!row) continue;
      path.dataset.tip = fill(holder.dataset.tip, { area: focus.get(row.area_id).title, rank: row.rank, expected: number.format(row.expected_count) });
      path.setAttribute("aria-label", path.dataset.tip);
    }
    for (const { label, text } of ranks) text.textContent = byArea.get(label.dataset.of)?.rank ?? "–";
  };
  chosenGroup.addEventListener("change", show);
  chosenShift.addEventListener("change", show);
  show();
})();
