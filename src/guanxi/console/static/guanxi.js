// The console's behaviour: menus, the side panel, lists, the keyboard, toasts. Everything else is HTML and htmx.
// No inline handlers and no evaluated text, so that a strict content security policy holds.
(() => {
  "use strict";
  const root = document.documentElement;
  const $ = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const words = document.body.dataset;
  const keep = (key, value) => { try { localStorage.setItem(key, value); } catch { /* private mode: not kept */ } };
  const kept = (key) => { try { return localStorage.getItem(key); } catch { return null; } };
  const make = (tag, className, text) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text) element.textContent = text;
    return element;
  };

  // ---- toasts ---------------------------------------------------------------------------------------------------
  const toast = ({ text, tone = "ok", undo = "" }) => {
    const box = make("div", `gx-toast is-${tone}`);
    box.append(make("span", "", text));
    const leave = () => box.remove();
    if (undo) {
      const button = make("button", "btn btn-sm", words.undo);
      button.type = "button";
      button.addEventListener("click", () => { leave(); htmx.ajax("POST", undo, { target: "#toasts", swap: "none" }); });
      box.append(button);
    }
    const close = make("button", "gx-toast-close", "×");
    close.type = "button";
    close.setAttribute("aria-label", words.close);
    close.addEventListener("click", leave);
    box.append(close);
    $("#toasts").append(box);
    let timer = setTimeout(leave, undo || tone === "bad" ? 10000 : 5000);
    box.addEventListener("pointerenter", () => clearTimeout(timer));
    box.addEventListener("pointerleave", () => { timer = setTimeout(leave, 3000); });
  };

  // ---- theme and navigation -------------------------------------------------------------------------------------
  const setTheme = (choice) => {
    keep("gx-theme", choice);
    dispatchEvent(new Event("gx-theme"));
    markTheme();
  };
  const markTheme = () => all("[data-theme-set]").forEach((button) => {
    button.setAttribute("aria-pressed", String(button.dataset.themeSet === root.dataset.themeChoice));
  });
  const toggleSlim = () => {
    const slim = root.dataset.nav !== "slim";
    if (slim) root.dataset.nav = "slim"; else delete root.dataset.nav;
    keep("gx-nav", slim ? "slim" : "wide");
    dispatchEvent(new Event("resize"));
  };
  const closeMenus = (except) => all("details.gx-menu[open]").forEach((menu) => { if (menu !== except) menu.open = false; });

  // ---- the side panel -------------------------------------------------------------------------------------------
  const panel = $("#panel");
  let openedBy = null;
  const showPanel = () => {
    if (!panel) return;
    panel.hidden = false;
    panel.scrollTop = 0;
    all("tr.is-open").forEach((row) => row.classList.remove("is-open"));
    openedBy?.closest("tr")?.classList.add("is-open");
    $("[data-panel-title]", panel)?.focus({ preventScroll: true });
  };
  const closePanel = () => {
    if (!panel || panel.hidden) return false;
    panel.hidden = true;
    panel.replaceChildren();
    all("tr.is-open").forEach((row) => row.classList.remove("is-open"));
    if (openedBy?.isConnected) openedBy.focus();
    openedBy = null;
    return true;
  };

  // The tabs stay while their content is exchanged; the address says which one is open, also after going back.
  const markTab = (tab) => all("a", tab.parentElement).forEach((other) => {
    if (other === tab) other.setAttribute("aria-current", "page"); else other.removeAttribute("aria-current");
  });

  // ---- lists ----------------------------------------------------------------------------------------------------
  const rows = () => all("table[data-list] tr[data-row]");
  const current = () => rows().findIndex((row) => row.contains(document.activeElement) || row.classList.contains("is-current"));
  const moveTo = (index) => {
    const list = rows();
    if (!list.length) return;
    const row = list[Math.max(0, Math.min(list.length - 1, index))];
    list.forEach((other) => other.classList.toggle("is-current", other === row));
    $("a.gx-open", row)?.focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  };
  const countSelected = () => {
    const bar = $("#bulk");
    const boxes = all("[data-select]");
    const ticked = boxes.filter((box) => box.checked);
    boxes.forEach((box) => box.closest("tr").classList.toggle("is-selected", box.checked));
    const head = $("[data-select-all]");
    if (head) {
      head.checked = boxes.length > 0 && ticked.length === boxes.length;
      head.indeterminate = ticked.length > 0 && ticked.length < boxes.length;
    }
    if (!bar) return;
    bar.hidden = ticked.length === 0;
    $("[data-selected-count]", bar).textContent = words.selected.replace("{count}", ticked.length);
  };
  const applyColumns = (choice) => {
    const hidden = new Set(JSON.parse(kept(`gx-columns-${choice.dataset.columns}`) || "[]"));
    all("input", choice).forEach((box) => {
      box.checked = !hidden.has(box.value);
      all(`table[data-list] [data-column="${CSS.escape(box.value)}"]`).forEach((cell) => { cell.hidden = hidden.has(box.value); });
    });
  };
  // Of many boxes to tick one that is ticked is in sight.
  const reveal = (box) => {
    const seen = box.getBoundingClientRect();
    const ticked = all(":checked", box).map((one) => one.closest("label").getBoundingClientRect());
    if (ticked.length && !ticked.some((one) => one.top >= seen.top && one.bottom <= seen.bottom)) box.scrollTop += ticked[0].top - seen.top;
  };
  const refresh = () => { countSelected(); all("[data-columns]").forEach(applyColumns); all(".gx-pick").forEach(reveal); };

  // ---- clicks ---------------------------------------------------------------------------------------------------
  const copy = async (button) => {
    try { await navigator.clipboard.writeText(button.dataset.copy); } catch { return; }
    toast({ text: words.copied });
  };
  const clicks = {
    "[data-copy]": copy,
    "[data-theme-set]": (button) => setTheme(button.dataset.themeSet),
    "[data-nav-slim]": toggleSlim,
    "[data-nav-open]": () => { root.dataset.navOpen = ""; $("#nav a")?.focus(); },
    "[data-nav-close]": () => { delete root.dataset.navOpen; },
    "[data-panel-close]": closePanel,
    "[data-help]": () => $("#help")?.showModal(),
    "[data-select-none]": () => { all("[data-select]").forEach((box) => { box.checked = false; }); countSelected(); },
  };
  document.addEventListener("click", (event) => {
    closeMenus(event.target.closest("details.gx-menu"));
    for (const [selector, act] of Object.entries(clicks)) {
      const hit = event.target.closest(selector);
      if (hit) act(hit);
    }
    if (event.target instanceof HTMLDialogElement) event.target.close();
    const row = event.target.closest("tr[data-row]");
    if (!row || event.target.closest("a, button, input, label, select, summary") || String(getSelection())) return;
    const link = $("a.gx-open", row);
    if (!link) return;
    if (event.metaKey || event.ctrlKey) open(link.href, "_blank", "noopener");
    else link.click();
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-select-all]")) all("[data-select]").forEach((box) => { box.checked = event.target.checked; });
    if (event.target.matches("[data-select], [data-select-all]")) countSelected();
    const choice = event.target.closest("[data-columns]");
    if (choice) {
      const hidden = all("input", choice).filter((box) => !box.checked).map((box) => box.value);
      keep(`gx-columns-${choice.dataset.columns}`, JSON.stringify(hidden));
      applyColumns(choice);
    }
  });

  // ---- the keyboard ---------------------------------------------------------------------------------------------
  const keys = {
    "/": () => { const box = all("[data-search]").pop(); box?.focus(); box?.select(); return Boolean(box); },
    "?": () => { $("#help")?.showModal(); return true; },
    j: () => { moveTo(current() + 1); return rows().length > 0; },
    k: () => { moveTo(current() - 1); return rows().length > 0; },
    x: () => { const box = $("[data-select]", rows()[current()] || document.createElement("i")); box?.click(); return Boolean(box); },
    n: () => { const next = $("[data-next]"); next?.click(); return Boolean(next); },
    p: () => { const later = new URLSearchParams(location.search).has("cursor"); if (later) history.back(); return later; },
  };
  let prefix = 0;
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      if ($("dialog[open]")) return;
      const menu = $("details.gx-menu[open]");
      if (menu) { menu.open = false; $("summary", menu).focus(); }
      else if ("navOpen" in root.dataset) delete root.dataset.navOpen;
      else if (event.target.matches?.("[data-search]")) event.target.blur();
      else closePanel();
      return;
    }
    if (event.metaKey || event.ctrlKey || event.altKey || event.isComposing) return;
    if (event.target.closest?.("input, textarea, select, [contenteditable], dialog")) return;
    if (event.timeStamp - prefix < 1500) {
      prefix = 0;
      const link = $(`[data-go="${CSS.escape(event.key)}"]`);
      if (link) { event.preventDefault(); link.click(); return; }
    }
    if (event.key === "g") { prefix = event.timeStamp; return; }
    if (Object.hasOwn(keys, event.key) && keys[event.key]()) event.preventDefault();
  });

  // ---- htmx -----------------------------------------------------------------------------------------------------
  document.addEventListener("htmx:config:request", ({ detail: { ctx } }) => {
    const request = ctx.request;
    if (/GET/.test(request.method)) {
      for (const [key, value] of [...request.body.entries()]) if (value === "") request.body.delete(key);
    } else {
      request.headers["X-CSRF-Token"] = $('meta[name="csrf-token"]').content;
    }
    if (ctx.target === panel && ctx.sourceElement && !panel.contains(ctx.sourceElement)) openedBy = ctx.sourceElement;
  });
  // What was morphed shows what the server said, but for what is being typed right now.
  const settle = (within) => all("input, select", within).forEach((field) => {
    if (field instanceof HTMLSelectElement) field.selectedIndex = Math.max(0, [...field.options].findIndex((option) => option.defaultSelected));
    else if (field.type === "checkbox") field.checked = field.defaultChecked;
    else if (field !== document.activeElement) field.value = field.defaultValue;
  });
  // Who works inside what is drawn anew stays where they were.
  let focused = "";
  // htmx hands the style attribute of what is drawn anew on, which the page's policy forbids; a box keeps the size that
  // somebody pulled it to all the same.
  const sized = new Map();
  document.addEventListener("htmx:before:swap", () => {
    focused = document.activeElement?.id || "";
    all(":is(input, select, textarea)[id][style]").forEach((field) => {
      if (field.style.cssText) sized.set(field.id, field.style.cssText);
      field.removeAttribute("style");
    });
  });
  document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
    sized.forEach((size, id) => { const field = document.getElementById(id); if (field) field.style.cssText = size; });
    sized.clear();
    if (focused && document.activeElement === document.body) document.getElementById(focused)?.focus({ preventScroll: true });
    if (ctx.target?.matches?.("[data-settled]")) settle(ctx.target);
    if (ctx.target === panel && ctx.swap !== "none") showPanel();
    if (ctx.sourceElement?.closest?.(".gx-starts")) all("input[name^='value@']", ctx.target).find((field) => !field.value)?.focus();
    const tab = ctx.sourceElement?.closest?.(".gx-tabs a");
    if (tab) markTab(tab);
    refresh();
  });
  document.addEventListener("htmx:confirm", (event) => {
    const box = $("#confirm");
    if (!box) return;
    event.preventDefault();
    const { ctx, issueRequest, dropRequest } = event.detail;
    $("#confirm-text").textContent = ctx.confirm;
    box.returnValue = "no";
    box.addEventListener("close", () => (box.returnValue === "yes" ? issueRequest() : dropRequest()), { once: true });
    box.showModal();
  });
  document.addEventListener("htmx:response:error", ({ detail: { ctx } }) => {
    if (ctx.swap === "none" || ctx.response.status < 400 || ctx.hx?.trigger) return;
    if (![400, 422].includes(ctx.response.status)) toast({ text: words.failed, tone: "bad" });
  });
  document.addEventListener("htmx:error", () => toast({ text: words.offline, tone: "bad" }));
  document.addEventListener("gx-toast", (event) => toast(event.detail));
  // What the page has to say once: loaded anew it says it no more.
  all("[data-toast]").forEach((said) => {
    toast({ text: said.dataset.toast });
    const here = new URL(location.href);
    here.searchParams.delete("work");
    history.replaceState(history.state, "", here);
  });

  // ---- a text with an error at a known line: lead there -----------------------------------------------------------
  all("textarea[data-line]").forEach((area) => {
    const lines = area.value.split("\n");
    const line = Math.min(Number(area.dataset.line), lines.length);
    const start = lines.slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0);
    area.focus({ preventScroll: true });
    area.setSelectionRange(start, start + lines[line - 1].length);
    area.scrollTop = (line - 3) * parseFloat(getComputedStyle(area).lineHeight);
  });

  markTheme();
  refresh();
})();
