// Refreshes what a page shows: each second while something runs, each 15 s otherwise, never while the tab is hidden.
// After 3 failures in a row it says that the agent does not answer.
(() => {
  "use strict";
  const BUSY = 1000, IDLE = 15000, LOST = 5000, PATIENCE = 3;
  const $ = (selector) => document.querySelector(selector);
  let failures = 0, timer, isPaused = false, ended = null, hadFocus = false;

  const pause = () => failures >= PATIENCE ? LOST : failures || $("[data-going]") ? BUSY : IDLE;
  const next = () => { clearTimeout(timer); timer = setTimeout(refresh, pause()); };

  function refresh() {
    if (document.hidden || isPaused) return;
    document.querySelectorAll("[data-poll]").forEach((part) => part.dispatchEvent(new Event("atualizar")));
    next();
  }
  function count(isLost) {
    failures = isLost ? failures + 1 : 0;
    $("#sumiu").hidden = failures < PATIENCE;
    if (failures >= PATIENCE) document.title = "Não responde · Omnisync";
    next();
  }
  function noteEnd() {
    const now = $("[data-ended]")?.dataset.ended;
    if (now && ended !== null && now !== ended) $("#detalhes")?.dispatchEvent(new Event("terminou"));
    if (now !== undefined) ended = now || ended;
  }
  document.addEventListener("htmx:before:swap", () => {
    hadFocus = document.activeElement !== document.body;
  });
  document.addEventListener("htmx:after:swap", (event) => {
    // A button that turned into another one takes the focus with it: the state is what its owner wants to hear.
    if (hadFocus && document.activeElement === document.body) $("#estado")?.focus();
    if (event.detail.ctx.response.status < 400) count(false);
    noteEnd();
  });
  document.addEventListener("htmx:response:error", () => count(true));
  document.addEventListener("htmx:error", () => count(true));
  document.addEventListener("visibilitychange", refresh);
  document.addEventListener("DOMContentLoaded", () => {
    noteEnd();
    ended ??= "";
    $("[data-focus]")?.focus();
    const button = $("#pausar");
    if (button) {
      const pauses = (isIt) => {
        isPaused = isIt;
        button.setAttribute("aria-pressed", isIt);
        $("#pausada").textContent = isIt ? "Atualização pausada." : "";
      };
      button.hidden = false;
      button.addEventListener("click", () => { pauses(!isPaused); refresh(); });
      document.addEventListener("submit", () => pauses(false)); // who begins or cancels a run wants to see it
    }
    next();
  });
})();
