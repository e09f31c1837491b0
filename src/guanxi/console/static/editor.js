// The editor of definitions: line numbers beside the text, problems marked at their line, files put into it.
(() => {
  "use strict";
  const area = document.querySelector("textarea[data-editor]");
  if (!area) return;
  const gutter = area.previousElementSibling;
  const plan = () => document.querySelector(area.dataset.editor);

  const number = () => {
    const bad = new Set([...plan().querySelectorAll("[data-goto]")].map((one) => Number(one.dataset.goto.split(":")[0])));
    const lines = area.value.split("\n").length;
    gutter.replaceChildren(...Array.from({ length: lines }, (_each, index) => {
      const row = document.createElement("span");
      row.textContent = index + 1;
      if (bad.has(index + 1)) row.className = "is-bad";
      return row;
    }));
    gutter.scrollTop = area.scrollTop;
  };
  const lead = (place) => {
    const [line, column] = place.split(":").map(Number);
    const lines = area.value.split("\n");
    // Columns count characters, the browser counts units of UTF-16.
    const before = lines.slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0);
    const inside = [...(lines[line - 1] || "")].slice(0, column - 1).join("").length;
    area.focus();
    area.setSelectionRange(before + inside, before + inside);
    area.scrollTop = (line - 4) * parseFloat(getComputedStyle(area).lineHeight);
  };
  const put = async (files) => {
    const texts = await Promise.all(files.map((file) => file.text()));
    const parts = texts.map((text, index) => `# ${files[index].name}\n${text.replace(/^\ufeff/, "").replace(/\r\n/g, "\n").replace(/^---\n/, "").trimEnd()}\n`);
    area.value = parts.join("---\n");
    area.dispatchEvent(new Event("input", { bubbles: true }));
  };

  // The form is a view of the text as it was when it was opened: whoever types in the text closes it.
  const form = document.querySelector("[data-form-view]");
  const take = () => {
    const made = document.querySelector("[data-written]");
    if (!made || !form.open) return;
    const text = made.value;
    made.remove();
    if (text === area.value) return;
    area.value = text;
    area.dispatchEvent(new Event("input", { bubbles: true }));
  };

  area.addEventListener("input", (event) => { if (event.isTrusted) form.open = false; });
  form.addEventListener("keydown", (event) => { if (event.key === "Enter" && event.target.matches("input")) event.preventDefault(); });
  document.addEventListener("htmx:after:swap", take);
  area.addEventListener("input", number);
  area.addEventListener("scroll", () => { gutter.scrollTop = area.scrollTop; });
  document.addEventListener("htmx:after:swap", number);
  document.addEventListener("click", (event) => {
    const hit = event.target.closest("[data-goto]");
    if (hit) lead(hit.dataset.goto);
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-upload]")) {
      put([...event.target.files]);
      event.target.value = "";
    }
  });
  number();
})();
