// Opens rows beside the list they stand in, without loading the page anew. Without this script each row is a link.
"use strict";
(() => {
  const detail = document.getElementById("detail");
  const question = document.getElementById("question");
  if (question) question.addEventListener("change", (event) => {
    if (event.target.matches("select")) question.requestSubmit();
  });
  if (!detail) return;
  const mark = (opened) => {
    for (const row of document.querySelectorAll("[data-row]")) row.classList.toggle("lit", row.dataset.row === opened);
    for (const link of document.querySelectorAll(".opener")) {
      if (link.dataset.open === opened) link.setAttribute("aria-current", "true"); else link.removeAttribute("aria-current");
    }
  };
  const show = async (opened, { push = true, focus = true } = {}) => {
    const address = new URL(location.href);
    address.searchParams.set("open", opened);
    address.hash = "";
    const run = document.getElementById("board-map").dataset.run;
    const query = new URLSearchParams(address.search);
    query.set("run", run);
    const answer = await fetch(`/detail?${query}`, { credentials: "same-origin" });
    if (answer.redirected) { location.reload(); return; }
    if (!answer.ok) return;
    detail.replaceChildren(...new DOMParser().parseFromString(await answer.text(), "text/html").body.childNodes);
    mark(opened);
    if (push) history.pushState({ opened }, "", address);
    const head = detail.querySelector("h2");
    if (focus && head) {
      head.focus({ preventScroll: true });
      detail.scrollIntoView({ block: "nearest" });
    }
    document.dispatchEvent(new CustomEvent("opened", { detail: { opened, at: head && head.dataset.at } }));
  };
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a.opener");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    show(link.dataset.open);
  });
  document.addEventListener("chosen", (event) => show(event.detail));
  addEventListener("popstate", () => {
    const opened = new URL(location.href).searchParams.get("open");
    if (opened) show(opened, { push: false, focus: false });
    else location.reload();
  });
  // Live figures are pushed while the page is looked at: hidden pages would take the few connections of a browser.
  const live = document.getElementById("live");
  let source = null;
  const listen = () => {
    if (source) source.close();
    source = document.hidden ? null : new EventSource("/live");
    if (source) source.onmessage = (event) => {
      const part = JSON.parse(event.data);
      live.hidden = !part.trim();
      live.replaceChildren(...new DOMParser().parseFromString(part, "text/html").body.childNodes);
    };
  };
  if (live) { document.addEventListener("visibilitychange", listen); listen(); }
  const first = detail.querySelector("[data-opened]");
  if (first) mark(first.dataset.opened);
})();
